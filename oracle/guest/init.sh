#!/bin/bash
# The guest's first process: brings md up, runs each plan of $oracle_dir, powers off.
#
# The host's file system is the root, so results are simply files. A plan is a directory with the
# member images m0.img, m1.img, ... and a file `plan` of shell variables; what the kernel said goes
# into the same directory, and `status` says "ok" only when every command of the plan did its work.
# A file `cells` beside the plans is for judge.pl.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin TZ=UTC LC_ALL=C
exec </dev/null >"$oracle_dir/guest.log" 2>&1

prepare() {
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mountpoint -q /dev || mount -t devtmpfs devtmpfs /dev
    mount -t tmpfs tmpfs /run
    hostname oracle
    mkdir -p /run/modules/lib
    ln -s /usr/lib/uml/modules /run/modules/lib/modules
    local module
    for module in loop linear raid0 raid1 raid10 raid456 multipath faulty; do
        modprobe -d /run/modules "$module" || return 1
    done
}

# Runs one plan in a process of its own: a variable of one never reaches the next.
run_plan() {
    local directory=$1
    (
        cd "$directory" || exit 1
        exec >log 2>&1
        PS4='+ $EPOCHREALTIME '
        set -x
        . ./plan
        . "$oracle_guest/array.sh"
        . "$oracle_guest/conditions.sh"
        "condition_$condition" && leave
    )
    local code=$?
    if [ "$code" != 0 ]; then clear_away >>"$directory/log" 2>&1; fi
    if [ "$code" = 0 ]; then echo ok; else echo "failed with code $code"; fi >"$directory/status"
}

# Stops what a plan may have left, so that a failed one does not spoil those after it.
clear_away() {
    local array
    for array in /dev/md[0-9]*; do
        [ -e "$array" ] && mdadm --stop "$array"
    done
    "$oracle_guest/loops.pl" none
}

if prepare; then
    for directory in "$oracle_dir"/*/; do
        [ -e "$directory/plan" ] && run_plan "$directory"
    done
    if [ ! -e "$oracle_dir/cells" ] || "$oracle_guest/judge.pl" "$oracle_dir" 2>&1; then
        echo done >"$oracle_dir/finished"
    fi
fi
sync
poweroff -f

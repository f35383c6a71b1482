#!/bin/bash
# The guest's first process when the driver uses arrays that were written elsewhere.
#
# A plan is a directory with images and a file `plan` of shell variables: members (images that are
# given), is_redundant, file_system (its type, if one is to be mounted), and plants (IMAGE:BYTE:SIDE, a sector each that was spoilt, `below` or `above`
# the place where a walk has to go on). The array is assembled, may end what it owes, is read and
# checked. What was found goes into files beside the plan; `status` says "ok" when all could be done.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin TZ=UTC LC_ALL=C
exec </dev/null >"$oracle_dir/guest.log" 2>&1
. "$oracle_guest/array.sh"

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
    # Walks need not give way to anybody.
    echo 200000 >/proc/sys/dev/raid/speed_limit_min
}

# Waits until nothing is walked; a minute at most.
await_idle() {
    [ -e $attributes/sync_action ] || return 0
    local try
    for ((try = 0; try < 600; try++)); do
        [ "$(<$attributes/sync_action)" = idle ] && return 0
        sleep 0.1
    done
    return 1
}

start() {
    attach read-write $members || return 1
    mdadm --assemble "$array" --run "${device[@]}" || return 1
    # Debian's md waits for the first write before it walks.
    if [[ $(<$attributes/array_state) == read-auto ]]; then
        mdadm --readwrite "$array" && sleep 0.2
    fi
    await_idle
}

# Says what is wrong with spoilt sectors, and puts right those that no walk was to touch.
look_after_plants() {
    local number=0 plant image place side
    for plant in $plants; do
        IFS=: read -r image place side <<<"$plant"
        dd "if=$image" of=now bs=512 count=1 iflag=skip_bytes "skip=$place" status=none || return 1
        if [ "$side" = below ]; then
            cmp -s now spoilt || echo "$image at byte $place: it did what was done already"
            dd "if=plant$number" "of=$image" bs=512 count=1 oflag=seek_bytes "seek=$place" \
                conv=notrunc status=none || return 1
        else
            cmp -s now spoilt && echo "$image at byte $place: it left out what was not done"
        fi
        number=$((number + 1))
    done
}

use() {
    dmesg --clear
    start || return 1
    : >plants
    if [ -n "$plants" ]; then
        stop && attach none && look_after_plants >plants && start || return 1
    fi
    dmesg >kernel-log
    mdadm --detail "$array" >detail
    sha256sum <"$array" >sha256 || return 1
    if [ -n "$file_system" ]; then
        mkdir -p /run/mounted && mount -t "$file_system" -o ro "$array" /run/mounted || return 1
        (cd /run/mounted && find . -type f -exec sha256sum {} +) >files
        umount /run/mounted || return 1
    fi
    if [ "$is_redundant" = yes ]; then
        echo check >$attributes/sync_action && await_idle && cat $attributes/mismatch_cnt >mismatches ||
            return 1
    fi
    stop
}

run_plan() {
    local directory=$1
    (
        cd "$directory" || exit 1
        exec >log 2>&1
        PS4='+ $EPOCHREALTIME '
        set -x
        . ./plan
        use
    )
    local code=$?
    if [ "$code" = 0 ]; then echo ok; else echo "failed with code $code"; fi >"$directory/status"
    if [ "$code" != 0 ]; then
        [ ! -e /sys/block/md0 ] || mdadm --stop "$array"
    fi
    "$oracle_guest/loops.pl" none
}

if prepare; then
    for directory in "$oracle_dir"/*/; do
        [ ! -e "$directory/plan" ] || run_plan "$directory"
    done
    echo done >"$oracle_dir/finished"
fi
sync
poweroff -f

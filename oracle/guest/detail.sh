#!/bin/bash
# The guest's first process when the texts about running arrays are recorded.
#
# A plan is a directory with zero images m0.img, m1.img, ... and a file `plan` of shell variables:
# words (of create, without devices), order (m0, m1, ..., missing, and words that stand between
# devices) and steps (shell that brings the array into the state to be recorded). What mdadm and the
# driver say about it becomes files of the plan's directory, and the images are copied as they stand
# at that moment, as snapshot-m0.img and so on.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin TZ=UTC LC_ALL=C
exec </dev/null >"$oracle_dir/guest.log" 2>&1
. "$oracle_guest/array.sh"
. "$oracle_guest/conditions.sh"

limits=/proc/sys/dev/raid

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
    # Debian's default is that nothing is written before the first write.
    echo 0 >/sys/module/md_mod/parameters/start_ro
}

# Steps of plans.

# Fails members: they stay, marked.
fail_members() {
    local image
    for image in "$@"; do
        mdadm "$array" --fail "${device[$image]}" || return 1
        sleep 0.3
    done
}

# Takes failed members out.
remove_members() {
    local image
    for image in "$@"; do
        mdadm "$array" --remove "${device[$image]}" || return 1
    done
}

freeze() {
    echo frozen >$attributes/sync_action
}

# Lets the work that is owed, or that $2 asks for, come to sector $1 and stand there. What runs
# already is frozen first, since the limit cannot be lowered beside it.
stand_at() {
    local reach=$1
    freeze
    until echo "$reach" >$attributes/sync_max; do sleep 0.1; done
    echo 200000 >$limits/speed_limit_max
    echo "${2:-idle}" >$attributes/sync_action && await_reach
}

# Starts the array again with the words $@ and all images.
again() {
    stop && mdadm --assemble "$array" "$@" "${device[@]}"
}

# Arrays are assembled so that nothing is written before the first write.
auto_read() {
    echo 1 >/sys/module/md_mod/parameters/start_ro
}

# Makes the array dirty for as long as it runs.
dirty() {
    echo 0 >$attributes/safe_mode_delay &&
        dd if=/dev/zero "of=$array" bs=4096 count=1 oflag=direct conv=notrunc status=none
}

make() {
    local word devices=()
    attach read-write m*.img || return 1
    for word in $order; do
        case $word in
            m[0-9]*) devices+=("${device[$word]}") ;;
            *) devices+=("$word") ;;
        esac
    done
    # What is owed does not come far by itself.
    echo 1 >$limits/speed_limit_min
    echo 1 >$limits/speed_limit_max
    mdadm --create "$array" --run --homehost=oracle $words "${devices[@]}" || return 1
    eval "$steps"
}

# What the driver's attributes say of the moment.
describe() {
    local attribute
    for attribute in array_state sync_action sync_completed sync_speed bitmap/chunksize; do
        [ ! -e "$attributes/$attribute" ] || echo "$attribute $(<"$attributes/$attribute")"
    done >moment
    local image name
    for image in "${!device[@]}"; do
        name=${device[$image]##*/}
        [ ! -e "$attributes/dev-$name" ] ||
            echo "$image $name $(<"/sys/block/$name/dev") $(<"$attributes/dev-$name/state")"
    done | sort >members
}

record() {
    sleep 0.4
    mdadm --detail "$array" >detail && mdadm --detail --brief "$array" >brief &&
        mdadm --detail --brief --verbose "$array" >brief-verbose &&
        mdadm --detail --export "$array" >export || return 1
    mdadm --detail --test "$array" >/dev/null
    echo $? >code
    cat /proc/mdstat >mdstat
    describe
    snapshot
}

run_plan() {
    local directory=$1
    (
        cd "$directory" || exit 1
        exec >log 2>&1
        PS4='+ '
        set -x
        . ./plan
        make && record
    )
    local code=$?
    if [ "$code" = 0 ]; then echo ok; else echo "failed with code $code"; fi >"$directory/status"
    (
        cd "$directory" && exec >>log 2>&1
        echo idle >$attributes/sync_action
        echo 200000 >$limits/speed_limit_max
        echo 0 >/sys/module/md_mod/parameters/start_ro
        stop
        attach none
    )
}

if prepare; then
    for directory in "$oracle_dir"/*/; do
        [ ! -e "$directory/plan" ] || run_plan "$directory"
    done
    echo done >"$oracle_dir/finished"
fi
sync
poweroff -f

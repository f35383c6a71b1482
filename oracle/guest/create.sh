#!/bin/bash
# The guest's first process when `paritas create` is held against `mdadm --create`.
#
# A plan is a directory with images m0.img, m1.img, ... for mdadm, the same made by paritas already
# as o0.img, o1.img, ..., and a file `plan` of shell variables: words (of create, without devices)
# and order (m0, m1, ..., missing, and words that stand between devices). First mdadm makes every
# array while no personality is loaded: it writes all that it has to write, and then no driver
# changes a byte of it. Then the personalities come, and mdadm's images and ours are started
# read-only, one after the other.

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
    load loop md-mod
}

load() {
    local module
    for module in "$@"; do
        modprobe -d /run/modules "$module" || return 1
    done
}

# What mdadm makes of the plan. It ends with an error since nothing can run; that it came so far is
# what its words say.
make() {
    local word devices=()
    . ./plan
    attach read-write m*.img || return 1
    for word in $order; do
        case $word in
            m[0-9]*) devices+=("${device[$word]}") ;;
            *) devices+=("$word") ;;
        esac
    done
    mdadm --create "$array" --run $words "${devices[@]}" >said 2>&1
    cat said
    [ ! -e /sys/block/md0 ] || mdadm --stop "$array"
}

# Whether the driver starts the images $1..., and as what; the answer is in files named after $1.
start() {
    local made=$1
    attach read-only "$made"*.img || return 1
    mdadm --assemble "$array" --readonly --run "${device[@]}" >"$made.said" 2>&1
    echo $? >"$made.code"
    [ "$(<"$made.code")" != 0 ] || mdadm --detail "$array" >"$made.detail"
    [ ! -e /sys/block/md0 ] || mdadm --stop "$array"
}

# Runs $2... in every plan's directory and adds what was said to the log $1 there.
everywhere() {
    local directory log=$1
    shift
    for directory in "$oracle_dir"/*/; do
        [ ! -e "$directory/plan" ] || (cd "$directory" && "$@" >>"$log" 2>&1)
    done
}

if prepare; then
    everywhere log make
    if load linear raid0 raid1 raid10 raid456 multipath faulty; then
        everywhere log start m
        everywhere log start o
        echo done >"$oracle_dir/finished"
    fi
fi
sync
poweroff -f

# How an array gets into the state that a plan asks for; sourced by init.sh.
#
# Every function starts with attached images' makings and ends with the array stopped. Content that
# was written after a member had left differs from what that member holds (offset 1 MiB further on),
# so that reading a stale member is always seen. Variable: victims, words m0, m1, ...

later=1048576

# Whole and cleanly stopped.
condition_whole() {
    create && fill 0 && stop
}

# Filled but for its start: this personality writes to the device's start, where the superblock is.
condition_from_1_mib() {
    create || return 1
    local size
    size_of_array >size && size=$(<size) || return 1
    dd "if=$pattern" "of=$array" bs=1M iflag=skip_bytes,count_bytes,fullblock conv=fsync seek=1 \
        "skip=$offset" "count=$((size - later))" status=none && stop
}

# raid0 whose superblocks do not say which of the two multi-zone layouts holds; the driver was told.
condition_ambiguous() {
    echo "$told" >/sys/module/raid0/parameters/default_layout
    condition_whole && leave
    local code=$?
    echo 0 >/sys/module/raid0/parameters/default_layout
    exit "$code"
}

# The victims were failed and removed, then everything was written again.
condition_degraded() {
    create && fill 0 || return 1
    local victim
    for victim in $victims; do
        mdadm "$array" --fail "${device[$victim]}" || return 1
        sleep 0.3
        mdadm "$array" --remove "${device[$victim]}" || return 1
    done
    fill $later && stop
}

# The victims were not there when the array was started again and written.
condition_left_behind() {
    create && fill 0 && stop || return 1
    local image present=()
    for image in "${!device[@]}"; do
        [[ " $victims " == *" $image "* ]] || present+=("${device[$image]}")
    done
    mdadm --assemble "$array" --run "${present[@]}" && fill $later && stop
}

# Cut while writes were not yet marked as done.
condition_dirty() {
    create || return 1
    echo 0 >$attributes/safe_mode_delay
    fill 0 && snapshot && stop && restore_snapshot
}

# Made without --assume-clean; the first resync came only as far as $reach sectors. A limit can only be
# lowered while nothing runs, so the resync is slow at first, is frozen, and then goes on to the limit.
condition_resyncing() {
    local limits=/proc/sys/dev/raid
    echo 1 >$limits/speed_limit_min
    echo 1 >$limits/speed_limit_max
    create && echo frozen >$attributes/sync_action
    local code=$?
    echo 200000 >$limits/speed_limit_max
    echo 1000 >$limits/speed_limit_min
    [ "$code" = 0 ] || return 1
    echo "$reach" >$attributes/sync_max && echo idle >$attributes/sync_action && fill 0 && await_reach &&
        stop
}

# A failed member is being rebuilt on the image that the plan names as newcomer.
condition_rebuilding() {
    create && fill 0 || return 1
    mdadm "$array" --fail "${device[$victims]}" || return 1
    sleep 0.3
    mdadm "$array" --remove "${device[$victims]}" || return 1
    fill $later || return 1
    echo "$reach" >$attributes/sync_max
    mdadm "$array" --add "${device[$newcomer]}" && await_reach && stop
}

# A member that still works is being copied to the newcomer.
condition_replacing() {
    create && fill 0 || return 1
    echo "$reach" >$attributes/sync_max
    mdadm "$array" --add "${device[$newcomer]}" || return 1
    mdadm "$array" --replace "${device[$victims]}" --with "${device[$newcomer]}" && await_reach &&
        stop
}

# Blocks of the victim are in its bad-block log; their bytes are then spoilt, so that a reader who
# does not look at the log is caught. The sectors count from the start of the device.
condition_bad_blocks() {
    create && fill 0 || return 1
    local name=${device[$victims]##*/} range
    for range in $bad_blocks; do
        echo "${range%+*} ${range#*+}" >"$attributes/dev-$name/bad_blocks" || return 1
    done
    # A change of the array's state writes the superblocks and with them the log.
    mdadm --readonly "$array" && mdadm --readwrite "$array" && touch_array && stop || return 1
    for range in $bad_blocks; do
        yes spoilt | dd "of=$victims.img" bs=512 "seek=${range%+*}" "count=${range#*+}" \
            iflag=fullblock conv=notrunc status=none || return 1
    done
}

# A journal member stands before the others.
condition_journal() {
    options+=" --write-journal=/dev/loop${journal#m}"
    create && fill 0 && stop
}

# The same, cut before the journal was emptied.
condition_journal_dirty() {
    options+=" --write-journal=/dev/loop${journal#m}"
    create && fill 0 && snapshot && stop && restore_snapshot
}

# A reshape was stopped part of the way: $reshape has the words for mdadm --grow.
condition_reshaping() {
    create && fill 0 || return 1
    local image
    for image in $newcomer; do
        mdadm "$array" --add "${device[$image]}" || return 1
    done
    echo 100 >$attributes/sync_speed_min
    echo 100 >$attributes/sync_speed_max
    mdadm --grow "$array" $reshape || return 1
    sleep 2
    echo frozen >$attributes/sync_action
    cat $attributes/reshape_position
    stop
}

# Two paths to one disk: what was written through the first is what the second has, too.
condition_paths() {
    create && stop && mdadm --assemble "$array" "${device[m0]}" "${device[m1]}" && fill 0 && stop ||
        return 1
    attach none
    local first=0
    case $metadata in 1.1 | 1.2) first=$((2048 * 512)) ;; esac
    dd if=m0.img of=m1.img bs=1M iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc \
        "skip=$first" "seek=$first" "count=$(<size)" status=none
}

# Waits until the work that runs has come to $reach and stands there.
await_reach() {
    local try done_sectors
    for ((try = 0; try < 100; try++)); do
        read -r done_sectors _ <$attributes/sync_completed
        [ "$done_sectors" = "$reach" ] && return 0
        sleep 0.1
    done
    return 1
}

# Rewrites the array's first block with what it holds.
touch_array() {
    dd "if=$array" of=first-block bs=4096 count=1 iflag=direct status=none &&
        dd if=first-block "of=$array" bs=4096 count=1 oflag=direct conv=notrunc status=none &&
        rm first-block
}

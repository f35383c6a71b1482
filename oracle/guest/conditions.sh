# How an array gets into the state that a plan asks for; sourced by init.sh.
#
# Every function starts with attached images' makings and ends with the array stopped. Content that
# was written after a member had left differs from what that member holds (offset 1 MiB further on),
# so that reading a stale member is always seen. Variable: victims, words m0, m1, ...

later=1048576

# Whole and cleanly stopped.
condition_whole() {
    attach && create && fill 0 && stop
}

# A raid10 layout without a word: made as a plain one, rewritten before the first write.
condition_patched() {
    attach && create && stop || return 1
    losetup -D
    local image
    for image in m*.img; do
        patch_layout "$image" "$superblock" "$patched" || return 1
    done
    device=()
    attach && mdadm --assemble "$array" "${device[@]}" && fill 0 && stop
}

# raid0 whose superblocks do not say which of the two multi-zone layouts holds; the driver was told.
condition_ambiguous() {
    echo "$told" >/sys/module/raid0/parameters/default_layout
    condition_whole && leave
    local code=$?
    echo 0 >/sys/module/raid0/parameters/default_layout
    verify=no
    return "$code"
}

# The victims were failed and removed, then everything was written again.
condition_degraded() {
    attach && create && fill 0 || return 1
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
    attach && create && fill 0 && stop || return 1
    local image present=()
    for image in "${!device[@]}"; do
        [[ " $victims " == *" $image "* ]] || present+=("${device[$image]}")
    done
    mdadm --assemble "$array" --run "${present[@]}" && fill $later && stop
}

# Cut while writes were not yet marked as done.
condition_dirty() {
    attach && create || return 1
    echo 0 >$attributes/safe_mode_delay
    fill 0 && snapshot && stop && restore_snapshot
}

# Made without --assume-clean; the first resync came only as far as $reach sectors.
condition_resyncing() {
    attach || return 1
    hold_sync_new
    create || return 1
    echo "$reach" >$attributes/sync_max
    fill 0 && release_speed && await_reach && stop
}

# A failed member is being rebuilt on the image that the plan names as newcomer.
condition_rebuilding() {
    attach && create && fill 0 || return 1
    mdadm "$array" --fail "${device[$victims]}" || return 1
    sleep 0.3
    mdadm "$array" --remove "${device[$victims]}" || return 1
    fill $later || return 1
    echo "$reach" >$attributes/sync_max
    mdadm "$array" --add "${device[$newcomer]}" && await_reach && stop
}

# A member that still works is being copied to the newcomer.
condition_replacing() {
    attach && create && fill 0 || return 1
    echo "$reach" >$attributes/sync_max
    mdadm "$array" --add "${device[$newcomer]}" || return 1
    mdadm "$array" --replace "${device[$victims]}" --with "${device[$newcomer]}" && await_reach &&
        stop
}

# Blocks of the victim are in its bad-block log; their bytes are then spoilt, so that a reader who
# does not look at the log is caught. The sectors count from the start of the device.
condition_bad_blocks() {
    attach && create && fill 0 || return 1
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
    attach || return 1
    options+=" --write-journal=${device[$journal]}"
    create && fill 0 && stop
}

# The same, cut before the journal was emptied.
condition_journal_dirty() {
    attach || return 1
    options+=" --write-journal=${device[$journal]}"
    create && fill 0 && snapshot && stop && restore_snapshot
}

# A reshape was stopped part of the way: $reshape has the words for mdadm --grow.
condition_reshaping() {
    attach && create && fill 0 || return 1
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

# A spare was given from the start.
condition_spare() {
    condition_whole
}

# Slow from the first moment: a resync that starts at creation must not be over before it is held.
hold_sync_new() {
    echo 1 >/proc/sys/dev/raid/speed_limit_min
    echo 1 >/proc/sys/dev/raid/speed_limit_max
}

release_speed() {
    echo 1000 >/proc/sys/dev/raid/speed_limit_min
    echo 200000 >/proc/sys/dev/raid/speed_limit_max
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

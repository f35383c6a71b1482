# Functions over one array, /dev/md0, and its members; sourced by init.sh.
#
# Variables of the plan: level, layout, metadata, chunk (KiB), count (slots), spares, order (words
# m0, m1, ... or missing), options (more words for create), pattern (a file) and offset (bytes).

array=/dev/md0
attributes=/sys/block/md0/md

# Attaches every image of the plan; the device of m3.img is then ${device[m3]}.
declare -A device
attach() {
    local image
    for image in m*.img; do
        device[${image%.img}]=$(losetup --find --show "$@" "$image") || return 1
    done
}

# Makes the array from the images in the plan's order. New images are zeros, which agree with each
# other at every level, so nothing needs to be synchronised.
create() {
    local word devices=()
    for word in $order; do
        case $word in
            m[0-9]*) devices+=("${device[$word]}") ;;
            *) devices+=("$word") ;;
        esac
    done
    local words=(--run --homehost=oracle --name=content "--level=$level" "--metadata=$metadata")
    [ -n "$layout" ] && words+=("--layout=$layout")
    [ -n "$chunk" ] && words+=("--chunk=$chunk")
    [ "$spares" -gt 0 ] && words+=("--spare-devices=$spares")
    mdadm --create "$array" "${words[@]}" $options "--raid-devices=$count" "${devices[@]}"
}

size_of_array() {
    blockdev --getsize64 "$array"
}

# Fills the whole array with the pattern from the plan's offset plus $1 bytes on.
fill() {
    local size
    size=$(size_of_array) || return 1
    echo "$size" >size
    dd "if=$pattern" "of=$array" bs=1M iflag=skip_bytes,count_bytes,fullblock conv=fsync \
        "skip=$((offset + $1))" "count=$size" status=none
}

# Stops the array; the driver needs a moment after the last close.
stop() {
    local try
    for try in 1 2 3 4 5 6 7 8 9 10; do
        mdadm --stop "$array" && return 0
        sleep 0.2
    done
    return 1
}

# Waits until the file $1 holds a word that matches $2; ten seconds at most.
await() {
    local try
    for ((try = 0; try < 100; try++)); do
        [[ $(cat "$1") == $2 ]] && return 0
        sleep 0.1
    done
    return 1
}

# Copies the images as they stand now, with whatever the running array has written.
snapshot() {
    sync
    local image
    for image in m*.img; do
        cp --sparse=always "$image" "snapshot-$image" || return 1
    done
}

# Puts the copies in the place of the images.
restore_snapshot() {
    local image
    for image in snapshot-*.img; do
        mv "$image" "${image#snapshot-}" || return 1
    done
}

# What is said about the members afterwards, all through read-only devices: the bitmap as mdadm
# prints it, and the content as the driver reads it from an array that it started again.
leave() {
    losetup -D
    device=()
    attach --read-only || return 1
    local image
    for image in "${!device[@]}"; do
        mdadm --examine-bitmap "${device[$image]}" >"$image.bitmap"
        echo $? >"$image.bitmap-code"
    done
    [ "$verify" = no ] && return 0
    mdadm --assemble "$array" --readonly --run "${device[@]}" || return 1
    cat /proc/mdstat >mdstat
    sha256sum <"$array" | cut -d' ' -f1 >sha256
    stop
}

# Writes a raid10 layout that mdadm has no word for into a version 1 superblock at byte $2 of
# image $1, and the checksum that goes with it.
patch_layout() {
    local image=$1 at=$2 layout_value=$3
    put_u32 "$image" $((at + 76)) "$layout_value"
    put_u32 "$image" $((at + 216)) 0
    local roles sum
    roles=$(od -An -tu4 -j $((at + 220)) -N 4 "$image")
    sum=$(od -An -v -tu4 -w4 -j "$at" -N $((256 + 2 * roles)) "$image" |
        awk '{ sum += $1 } END { printf "%.0f", sum }')
    put_u32 "$image" $((at + 216)) $(((sum & 0xffffffff) + (sum >> 32) & 0xffffffff))
}

# Writes the number $3 as four little-endian bytes at byte $2 of image $1.
put_u32() {
    local bytes
    printf -v bytes '\\x%02x' $(($3 & 255)) $(($3 >> 8 & 255)) $(($3 >> 16 & 255)) $(($3 >> 24 & 255))
    printf "$bytes" | dd "of=$1" bs=1 "seek=$2" conv=notrunc status=none
}

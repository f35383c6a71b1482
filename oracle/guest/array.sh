# Functions over one array, /dev/md0, and its members; sourced by init.sh.
#
# Variables of the plan: level, layout, metadata, chunk (KiB), count (slots), spares, order (words
# m0, m1, ... or missing), options (more words for create), pattern (a file), offset (bytes) and, if
# the array is not to be called `content`, name.

array=/dev/md0
attributes=/sys/block/md0/md

# Puts the images $2... behind loop devices, read-write or read-only as $1 says, and frees all
# others; the device of m3.img is then ${device[m3]}.
declare -A device
attach() {
    local name path
    device=()
    "$oracle_guest/loops.pl" "$@" >devices || return 1
    while read -r name path; do
        device[$name]=$path
    done <devices
}

# Makes the array from the images in the plan's order. New images are zeros, which agree with each
# other at every level, so nothing needs to be synchronised. A plan with a patch is made as
# something that mdadm has a word for and then started again as what it says.
create() {
    local word devices=()
    attach read-write m*.img || return 1
    for word in $order; do
        case $word in
            m[0-9]*) devices+=("${device[$word]}") ;;
            *) devices+=("$word") ;;
        esac
    done
    local words=(--run --homehost=oracle "--name=${name:-content}" "--level=$level" "--metadata=$metadata")
    [ -n "$layout" ] && words+=("--layout=$layout")
    [ -n "$chunk" ] && words+=("--chunk=$chunk")
    [ "$spares" -gt 0 ] && words+=("--spare-devices=$spares")
    mdadm --create "$array" "${words[@]}" $options "--raid-devices=$count" "${devices[@]}" ||
        return 1
    if [ -n "$patch_at" ]; then
        stop && attach none &&
            "$oracle_guest/patch.pl" "$metadata" "$patch_at" "$patch_value" m*.img &&
            attach read-write m*.img && mdadm --assemble "$array" "${device[@]}"
    fi
}

size_of_array() {
    echo $(($(</sys/block/md0/size) * 512))
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

# What is said about the members afterwards: the bitmap as mdadm prints it, and the content as the
# driver reads it from an array that it started again. Neither may change the images, so they are
# read-only; a driver that must write in order to start gets copies.
leave() {
    local image images=(m*.img)
    attach read-only m*.img || return 1
    for image in "${images[@]%.img}"; do
        mdadm --examine-bitmap "${device[$image]}" >"$image.bitmap"
        echo $? >"$image.bitmap-code"
        [ "$has_bitmap" = yes ] || break
    done
    case $verify in
        no) return 0 ;;
        copies)
            for image in "${images[@]}"; do
                cp --sparse=always "$image" "copy-$image" || return 1
            done
            attach read-write copy-m*.img
            ;;
    esac
    mdadm --assemble "$array" --readonly --run "${device[@]}" || return 1
    sha256sum <"$array" >sha256 && stop
}

#!/usr/bin/perl
# loops.pl MODE FILE...: frees every loop device, then puts each file behind one; MODE is
# read-write, read-only, or none for no files. Prints a line `NAME DEVICE` per file, NAME without .img.
#
# One process does what losetup does in one per file: in the guest starting a program is the most
# expensive thing there is.

use strict;
use warnings;

my ($SET_FD, $CLEAR_FD, $GET_FREE) = (0x4C00, 0x4C01, 0x4C82);
my ($mode, @files) = @ARGV;

for my $device (glob "/dev/loop[0-9]*") {
    open my $loop, "<", $device or next;
    ioctl $loop, $CLEAR_FD, 0;    # fails on a free one, as it should
}

open my $control, "+<", "/dev/loop-control" or die "loop-control: $!";
for my $file (@files) {
    my $how = $mode eq "read-only" ? "<" : "+<";
    my $number = int ioctl $control, $GET_FREE, 0;
    my $device = "/dev/loop$number";
    open my $loop, $how, $device or die "$device: $!";
    open my $image, $how, $file or die "$file: $!";
    ioctl $loop, $SET_FD, fileno($image) + 0 or die "$device cannot take $file: $!";
    (my $name = $file) =~ s/\.img$//;
    print "$name $device\n";
}

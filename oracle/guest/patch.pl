#!/usr/bin/perl
# patch.pl METADATA PLACE VALUE FILE...: writes a 32-bit number at a byte of each file's superblock
# and the checksum that goes with it. For layouts that mdadm has no word for.

use strict;
use warnings;

my ($metadata, $place, $value, @files) = @ARGV;

for my $file (@files) {
    open my $image, "+<:raw", $file or die "$file: $!";
    my $sectors = int((-s $image) / 512);
    my $at = $metadata eq "0.90" ? int($sectors / 128) * 128 - 128
        : $metadata eq "1.0" ? int(($sectors - 16) / 8) * 8
        : $metadata eq "1.1" ? 0
        :                      8;
    my $sum_place = $metadata eq "0.90" ? 152 : 216;
    seek $image, $at * 512, 0;
    read $image, my $block, 4096;
    substr($block, $place, 4) = pack "V", $value;
    substr($block, $sum_place, 4) = pack "V", 0;
    my $length = $metadata eq "0.90" ? 4096 : 256 + 2 * unpack "V", substr($block, 220, 4);
    my $sum = 0;
    $sum += $_ for unpack "V*", substr($block, 0, $length - $length % 4);
    $sum += unpack "v", substr($block, $length - 2, 2) if $length % 4;
    substr($block, $sum_place, 4) = pack "V", (($sum & 0xffffffff) + ($sum >> 32)) & 0xffffffff;
    seek $image, $at * 512, 0;
    print $image $block;
    close $image or die "$file: $!";
}

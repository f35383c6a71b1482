#!/usr/bin/perl
# judge.pl DIRECTORY: asks mdadm and the driver about every cell of DIRECTORY/cells.
#
# A line of `cells` is `CELL COUNT [WORD...]`; the members are CELL-0.img, CELL-1.img, ..., the words are
# further ones for mdadm, which says what it says into CELL.said. A cell's answer is a
# line `CELL<tab>WORDS<tab>TEXT` of `answers`: WORDS as in oracle/judge/cells.tsv; TEXT is the letter
# of the member whose first byte of data is the array's first, or "-".
#
# Everything but mdadm itself happens in this one process: in the guest starting a program is the
# most expensive thing there is. The driver is told to start arrays read-only until somebody writes,
# so nothing is rebuilt and no superblock changes while it is looked at.

use strict;
use warnings;

my ($SET_FD, $CLEAR_FD) = (0x4C00, 0x4C01);
my $array = "/dev/md0";
my $attributes = "/sys/block/md0/md";
my ($directory) = @ARGV;

sub attribute {
    open my $file, "<", "$attributes/$_[0]" or return "";
    my $line = <$file> // "";
    chomp $line;
    return $line;
}

sub attach {
    my ($number, $path) = @_;
    open my $loop, "+<", "/dev/loop$number" or die "loop$number: $!";
    open my $image, "+<", $path or die "$path: $!";
    ioctl $loop, $SET_FD, fileno($image) + 0 or die "loop$number cannot take $path: $!";
}

sub free {
    my ($number) = @_;
    open my $loop, "+<", "/dev/loop$number" or die "loop$number: $!";
    ioctl $loop, $CLEAR_FD, 0 or die "loop$number is busy: $!";
}

sub stop {
    return unless -e "$attributes/array_state";
    for (1 .. 50) {
        open my $state, ">", "$attributes/array_state" or last;
        syswrite $state, "clear" or print "clear: $!\n";
        close $state;
        return unless -e "$attributes/array_state";
        return if attribute("array_state") eq "clear";
        select undef, undef, undef, 0.02;
    }
    system "mdadm", "--stop", $array;
}

sub is_running {
    return attribute("array_state") =~ /^(read-auto|readonly|clean|active|active-idle|write-pending)$/;
}

sub assemble {
    my @words = @_;
    system "mdadm", "--assemble", "--config=none", $array, @words;
    return is_running();
}

# Who holds which slot, in the words of the table; the loop's number is the member's.
sub seats {
    my @seats;
    for my $directory (glob "$attributes/dev-loop*") {
        my ($number) = $directory =~ /loop(\d+)$/;
        my $device = "dev-loop$number";
        my ($slot, $state) = (attribute("$device/slot"), attribute("$device/state"));
        next if $slot eq "none" || $state =~ /faulty/;
        my $seat = $slot . ($state =~ /replacement/ ? "r" : "") . "=m$number";
        my $start = attribute("$device/recovery_start");
        $seat .= "<$start" unless $start eq "none";
        push @seats, $seat;
    }
    return join " ", sort @seats;
}

sub first_byte {
    open my $device, "<:raw", $array or return "-";
    sysread $device, my $byte, 1 or return "-";
    return $byte =~ /[a-z]/ ? $byte : "-";
}

sub ask {
    my ($cell, $count, @words) = @_;
    open STDOUT, ">", "$cell.said" or die "$cell.said: $!";
    open STDERR, ">&", \*STDOUT or die "STDERR: $!";
    attach $_, "$cell-$_.img" for 0 .. $count - 1;
    my @devices = map {"/dev/loop$_"} 0 .. $count - 1;
    my $how = "starts";
    unless (assemble @words, @devices) {
        stop();
        $how = assemble(@words, "--run", @devices) ? "needs-run" : "fails";
    }
    my ($answer, $byte) = ($how, "-");
    if ($how ne "fails") {
        my $sync = attribute("resync_start") =~ /^(none|)$/ ? "clean" : "dirty";
        $answer = "$how " . seats() . " $sync";
        $byte = first_byte();
    }
    stop();
    free $_ for 0 .. $count - 1;
    return "$cell\t$answer\t$byte\n";
}

chdir $directory or die "$directory: $!";
open my $read_only, ">", "/sys/module/md_mod/parameters/start_ro" or die "start_ro: $!";
print $read_only "1";
close $read_only;
open my $cells, "<", "cells" or die "cells: $!";
open my $answers, ">", "answers" or die "answers: $!";
$| = 1;
while (my $line = <$cells>) {
    my ($cell, $count, @words) = split " ", $line;
    print $answers ask($cell, $count, @words);
}
close $answers or die "answers: $!";

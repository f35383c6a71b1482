//! Write-intent bitmaps while they are not kept here: all bits are set before anything is written.
//!
//! The one thing to understand: a clear bit is a promise that the sectors behind it are the same on
//! all members, and it lets a later start copy less. Nobody here takes that promise back write by
//! write; so it is taken back as a whole, in every member's copy, on stable storage, before the
//! first superblock that is written, and is never given again. Whoever keeps the bitmap next resyncs
//! or re-adds as if everything had been written.
//!
//! # States
//! *owed* (from the start, and when a member is added) → *reading* the bitmap's superblock of every
//! member → *writing* the copies, page by page, each page durable → *done*. The update of
//! superblocks that was wanted waits for the end ([`super::record`]).
//!
//! A member whose copy cannot be used gets that of another member; where no member has one that can
//! be used there is nothing that anybody could trust, and nothing is written.
//!
//! Deliberately absent: bitmaps in files of their own, and those of clusters.

use super::Array;
use crate::Member;
use paritas_disk::Operation;
use paritas_disk::region::{Memory, Notice, Region};
use paritas_format::bitmap::{Bits, PAGE_BYTES, PAGE_SECTORS, Superblock, Version};
use paritas_units::{MemberId, Sector, SectorRange, Sectors};

/// Tags of requests: the low bits are the member's number.
const BITMAP: u64 = 3 << 32;

/// What has been done about the members' bitmaps.
#[derive(Debug)]
pub(super) struct Bitmaps {
    is_owed: bool,
    is_reading: bool,
    /// The copies that are being written.
    jobs: Vec<(MemberId, Job)>,
}

/// A member's copy.
#[derive(Clone, Debug)]
struct Job {
    superblock: Superblock,
    bits: Bits,
    /// The first sector of the copy.
    start: Sector,
    /// The next page.
    page: u64,
}

impl Bitmaps {
    pub(super) fn new(members: &[Member]) -> Self {
        Self { is_owed: has_any(members), is_reading: false, jobs: Vec::new() }
    }

    /// Whether bits are to be set before superblocks are written.
    pub(super) const fn is_owed(&self) -> bool {
        self.is_owed
    }

    /// A member has come.
    pub(super) fn look_again(&mut self, members: &[Member]) {
        self.is_owed |= has_any(members);
    }
}

/// Whether a superblock speaks of a bitmap.
fn has_any(members: &[Member]) -> bool {
    members.iter().any(|member| start_of(member).is_some())
}

/// Where a member's copy begins.
fn start_of(member: &Member) -> Option<Sector> {
    member.superblock().filter(|_| member.works())?.bitmap_area()?.start()
}

impl Array {
    /// Reads what every member has.
    pub(super) fn begin_bitmaps(&mut self) {
        self.bitmaps.is_reading = true;
        self.bitmaps.jobs.clear();
        let starts: Vec<(MemberId, Sector)> = (0..)
            .zip(&self.members)
            .filter_map(|(id, member)| Some((MemberId(id), start_of(member)?)))
            .collect();
        for (id, start) in starts {
            self.send_page(id, Operation::Read, start, PAGE_BYTES, &[]);
        }
        self.go_on_with_bitmaps();
    }

    fn send_page(
        &mut self,
        id: MemberId,
        operation: Operation,
        at: Sector,
        len: usize,
        page: &[u8],
    ) {
        let Some(loan) = self.lend_for(id, page, len) else { return };
        let disk = self.members.get(usize::from(id.0)).map(|member| member.disk);
        let Some(disk) = disk else { return };
        let count = Sectors::whole_in(u64::try_from(len).unwrap_or(0));
        let region = Region { disk, at, count };
        self.send_record(BITMAP | u64::from(id.0), operation, region, Memory::Contiguous(loan));
    }

    /// A page has been read or written.
    pub(super) fn bitmap_ended(&mut self, id: MemberId, notice: Notice) {
        let has_failed = !notice.errors.is_empty() || notice.fault.is_some();
        let page = self.take_back_page(id, notice.memory);
        match (self.bitmaps.is_reading, has_failed) {
            (true, false) => {
                let job = page.and_then(|page| self.job(id, &Superblock::decode(&page).ok()?));
                self.bitmaps.jobs.extend(job.map(|job| (id, job)));
            }
            (true, true) => {}
            (false, true) => {
                let fault = notice.fault.unwrap_or(paritas_disk::FaultKind::Io);
                self.note_failed(id, fault);
                self.bitmaps.jobs.retain(|(other, _)| *other != id);
            }
            (false, false) => self.write_next_page(id),
        }
        self.go_on_with_bitmaps();
    }

    /// The copy of a member, if a bitmap with this superblock has room on it.
    fn job(&self, id: MemberId, superblock: &Superblock) -> Option<Job> {
        let member = self.members.get(usize::from(id.0))?;
        let bits = superblock.bits().ok()?;
        let is_ours = superblock.version() != Ok(Version::Clustered) && superblock.nodes == 0;
        let covered = self.dimensions().array.max(self.longest_used());
        let start = start_of(member)?;
        let len = Sectors(bits.area_bytes().div_ceil(512));
        let copy = SectorRange { start, len };
        let data = SectorRange { start: member.data_offset, len: self.longest_used() };
        let own = member.superblock()?.super_offset().range(Sectors(1));
        let has_room = !copy.overlaps(data) && !copy.overlaps(own);
        let is_good = is_ours && has_room && superblock.sync_size <= covered;
        is_good.then(|| Job { superblock: superblock.clone(), bits, start, page: 0 })
    }

    /// On to the writing, or to the end, when nothing is under way.
    fn go_on_with_bitmaps(&mut self) {
        if self.record.is_under_way() {
            return;
        }
        if self.bitmaps.is_reading && !self.freezer.is_frozen() {
            self.bitmaps.is_reading = false;
            self.fill_up_jobs();
            let ids: Vec<MemberId> = self.bitmaps.jobs.iter().map(|(id, _)| *id).collect();
            for id in ids {
                self.write_next_page(id);
            }
            if self.record.is_under_way() {
                return;
            }
        }
        self.bitmaps.is_reading = false;
        // Whoever did not take it is faulty now, and its bits are nobody's.
        self.settle_failed();
        self.bitmaps.is_owed &= self.freezer.is_frozen();
        self.bitmaps_done();
    }

    /// Members whose own copy is of no use get one like that of the others.
    fn fill_up_jobs(&mut self) {
        let template = self.bitmaps.jobs.iter().min_by_key(|(id, _)| *id);
        let Some(template) = template.map(|(_, job)| job.superblock.clone()) else { return };
        for id in (0..).zip(&self.members).map(|(id, _)| MemberId(id)).collect::<Vec<_>>() {
            let is_known = self.bitmaps.jobs.iter().any(|(other, _)| *other == id);
            let job = self.job(id, &template).filter(|_| !is_known);
            self.bitmaps.jobs.extend(job.map(|job| (id, job)));
        }
    }

    fn write_next_page(&mut self, id: MemberId) {
        let is_frozen = self.freezer.is_frozen();
        let job = self.bitmaps.jobs.iter_mut().find(|(other, _)| *other == id);
        let Some((_, job)) = job.filter(|(_, job)| job.page < job.bits.pages() && !is_frozen)
        else {
            return;
        };
        let page = full_page(job);
        let at = job.start + Sectors(job.page * PAGE_SECTORS.0);
        job.page += 1;
        let block = self.members.get(usize::from(id.0)).map_or(512, |one| one.logical_block);
        let block = usize::try_from(block).unwrap_or(512).max(512);
        let len = page.len().next_multiple_of(block).min(PAGE_BYTES);
        let operation = Operation::Write { flush_before: false, durable: true };
        self.send_page(id, operation, at, len, &page);
    }
}

/// The bytes of the next page of a copy, with all of its bits set.
fn full_page(job: &Job) -> Vec<u8> {
    let mut page = vec![0xFF; job.bits.bytes_in_page(job.page)];
    if job.page == 0 {
        for (to, from) in page.iter_mut().zip(job.superblock.encode()) {
            *to = from;
        }
    }
    // What lies behind the last bit stays clear, as the driver leaves it.
    let bits = job.bits.in_page(job.page);
    let first = if job.page == 0 { 256 * 8 } else { 0 };
    let used = first + (bits.end - bits.start);
    let rest = u32::try_from(used % 8).unwrap_or(0);
    if let Some(last) = page.last_mut().filter(|_| rest != 0) {
        *last = u8::MAX >> (8 - rest);
    }
    page
}

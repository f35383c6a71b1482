//! How parity is made for a write: the one place where reads are counted.

/// Where a piece's new parity comes from. Writes are the same in every case, so only reads count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// There is no parity to write: its members are missing.
    #[default]
    DataOnly,
    /// From the old parity, and the old and new content of what is written.
    #[doc(alias = "rmw")]
    ReadModifyWrite,
    /// From new data, and the old content of what is not written.
    #[doc(alias = "rcw")]
    ReconstructWrite,
    /// As `ReconstructWrite`, after data that cannot be read were solved for.
    SolveFirst,
}

/// Member reads that the two ways take; `None` where something that they need cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reads {
    pub(super) read_modify_write: Option<u16>,
    pub(super) reconstruct_write: Option<u16>,
    /// Whether old parity is known to match old data. If not it is used only if it must be.
    pub(super) is_parity_trusted: bool,
}

/// The way with the fewest reads. Of equals the driver takes the reconstruct-write, which also
/// makes parity right that was not.
pub(super) fn choose(reads: Reads) -> Way {
    match (reads.read_modify_write, reads.reconstruct_write) {
        (Some(few), Some(many)) if few < many && reads.is_parity_trusted => Way::ReadModifyWrite,
        (_, Some(_)) => Way::ReconstructWrite,
        (Some(_), None) => Way::ReadModifyWrite,
        (None, None) => Way::SolveFirst,
    }
}

#[cfg(test)]
mod tests {
    use super::{Reads, Way, choose};

    #[test]
    fn p504_the_way_with_fewer_reads_is_taken() {
        use Way::{ReadModifyWrite as Rmw, ReconstructWrite as Rcw, SolveFirst};
        let table = [
            // One block of 10 members at level 5, of 3, and of 4: a tie.
            (Some(2), Some(8), true, Rmw),
            (Some(2), Some(1), true, Rcw),
            (Some(2), Some(2), true, Rcw),
            // A whole stripe.
            (Some(4), Some(0), true, Rcw),
            // Parity that is not known to be right.
            (Some(2), Some(8), false, Rcw),
            // Something else is missing: parity has to be believed.
            (Some(2), None, true, Rmw),
            (Some(2), None, false, Rmw),
            (Some(9), None, true, Rmw),
            // What is written is missing.
            (None, Some(8), true, Rcw),
            (None, None, true, SolveFirst),
            (None, None, false, SolveFirst),
        ];
        for (read_modify_write, reconstruct_write, is_parity_trusted, expected) in table {
            let reads = Reads { read_modify_write, reconstruct_write, is_parity_trusted };
            assert_eq!(choose(reads), expected, "{reads:?}");
        }
    }
}

//! Plays read plans on the images of a model, and refuses whatever a real player could not do.

use crate::field::{inverse, multiply, power};
use crate::model::{Model, Symbol};
use paritas_personality::{BufferId, Part, Place, Plan, Step, Term};
use paritas_units::{Seat, Sector, SectorRange, Sectors};
use std::collections::HashMap;

/// The tables that make slow arithmetic bearable.
pub(crate) struct Player {
    products: Vec<[u8; 256]>,
    inverses: Vec<u8>,
    powers: Vec<u8>,
}

/// Buffers while a plan is played: what they hold, and since which phase.
struct Buffers {
    host: Vec<Option<(Symbol, usize)>>,
    scratch: Vec<HashMap<usize, (Symbol, usize)>>,
    limits: Vec<usize>,
}

impl Player {
    pub(crate) fn new() -> Self {
        let row = |a| std::array::from_fn(|b| multiply(a, u8::try_from(b).expect("a byte")));
        let products = (0..=255).map(row).collect();
        let inverses = (0..=255).map(|a| if a == 0 { 0 } else { inverse(a) }).collect();
        Self { products, inverses, powers: (0..=255).map(power).collect() }
    }

    /// What the host gets for `range`. `is_readable` says what may be touched.
    pub(crate) fn play(
        &self,
        model: &Model,
        plan: &Plan,
        range: SectorRange,
        is_readable: &dyn Fn(usize, Seat, u64) -> bool,
    ) -> Vec<Symbol> {
        let mut buffers = Buffers {
            host: vec![None; usize::try_from(range.len.0).expect("small")],
            scratch: vec![HashMap::new(); plan.scratch().len()],
            limits: plan.scratch().iter().map(|bytes| sectors_of(*bytes)).collect(),
        };
        let (mut phase, mut is_acked) = (0, false);
        for step in plan.steps() {
            assert!(!is_acked, "a read has nothing to do after its acknowledgement\n{plan}");
            match *step {
                Step::Read { from, at, sectors, into } => {
                    assert!(!sectors.is_zero(), "an empty step\n{plan}");
                    for line in 0..sectors.0 {
                        let (slot, at) = (from.slot.index(), at.0 + line);
                        assert!(is_readable(slot, from.seat, at), "reads {slot} @ {at}\n{plan}");
                        let symbol = model.members[slot][usize::try_from(at).expect("small")];
                        buffers.put(into, line, symbol, phase);
                    }
                }
                Step::Solve { inputs, outputs, first, bytes } => {
                    let known = plan.parts(first, inputs);
                    let unknown = plan.parts(first + u32::from(inputs), outputs);
                    for line in 0..sectors_of(bytes) as u64 {
                        self.solve(&mut buffers, known, unknown, line, phase);
                    }
                }
                Step::Fence => phase += 1,
                Step::Ack => is_acked = true,
                ref other => panic!("a read plan has no {other:?}"),
            }
        }
        assert!(is_acked, "nobody tells the host\n{plan}");
        assert!(matches!(plan.steps(), [.., Step::Fence, Step::Ack] | [Step::Ack]), "{plan}");
        buffers.host.into_iter().map(|cell| cell.expect("every sector is brought").0).collect()
    }

    /// Solves for one or two unknowns, byte by byte.
    fn solve(
        &self,
        buffers: &mut Buffers,
        known: &[Part],
        unknown: &[Part],
        line: u64,
        phase: usize,
    ) {
        let data = |part: &Part| match part.term {
            Term::Data(exponent) => self.powers[usize::from(exponent)],
            Term::P | Term::Q => panic!("parity is not wanted by a read"),
        };
        let (mut p_sum, mut q_sum) = ([0; 4], [0; 4]);
        let (mut has_p, mut has_q) = (false, false);
        for part in known {
            let symbol = buffers.get(part.place, line, phase);
            for byte in 0..4 {
                match part.term {
                    Term::P => p_sum[byte] ^= symbol[byte],
                    Term::Q => q_sum[byte] ^= symbol[byte],
                    Term::Data(_) => {
                        p_sum[byte] ^= symbol[byte];
                        q_sum[byte] ^= self.product(data(part), symbol[byte]);
                    }
                }
            }
            has_p |= part.term == Term::P;
            has_q |= part.term == Term::Q;
        }
        match (unknown, has_p, has_q) {
            ([one], true, false) => buffers.put(one.place, line, p_sum, phase),
            ([one], false, true) => {
                let factor = self.inverses[usize::from(data(one))];
                buffers.put(one.place, line, q_sum.map(|q| self.product(factor, q)), phase);
            }
            ([one, other], true, true) => {
                let (g, h) = (data(one), data(other));
                let factor = self.inverses[usize::from(g ^ h)];
                let first: Symbol = std::array::from_fn(|byte| {
                    self.product(factor, q_sum[byte] ^ self.product(h, p_sum[byte]))
                });
                let second = std::array::from_fn(|byte| first[byte] ^ p_sum[byte]);
                buffers.put(one.place, line, first, phase);
                buffers.put(other.place, line, second, phase);
            }
            other => panic!("not an equation that a read needs: {other:?}"),
        }
    }

    fn product(&self, a: u8, b: u8) -> u8 {
        self.products[usize::from(a)][usize::from(b)]
    }
}

impl Buffers {
    fn put(&mut self, place: Place, line: u64, symbol: Symbol, phase: usize) {
        let at = sectors_of(place.byte) + usize::try_from(line).expect("small");
        let old = match place.buffer {
            BufferId::HOST => self.host[at].replace((symbol, phase)),
            BufferId(number) => {
                let number = usize::from(number) - 1;
                assert!(at < self.limits[number], "past the end of scratch");
                self.scratch[number].insert(at, (symbol, phase))
            }
        };
        assert_eq!(old, None, "a place is written twice");
    }

    fn get(&self, place: Place, line: u64, phase: usize) -> Symbol {
        let at = sectors_of(place.byte) + usize::try_from(line).expect("small");
        let cell = match place.buffer {
            BufferId::HOST => self.host[at],
            BufferId(number) => self.scratch[usize::from(number) - 1].get(&at).copied(),
        };
        let (symbol, since) = cell.expect("an input was brought");
        assert!(since < phase, "an input is awaited by a fence");
        symbol
    }
}

fn sectors_of(bytes: u32) -> usize {
    assert_eq!(bytes % 512, 0, "steps move whole sectors");
    usize::try_from(Sectors::whole_in(u64::from(bytes)).0).expect("small")
}

/// The range from `from` up to `to`.
pub(crate) fn between(from: u64, to: u64) -> SectorRange {
    Sector(from).range(Sectors(to - from))
}

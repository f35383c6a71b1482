//! Plays plans on images of members, and refuses whatever a real player could not do: an input
//! that no fence has awaited, a place that is written twice, steps of a phase that meet on a member.

use crate::field::{inverse, known_power, product};
use crate::model::{Model, Symbol};
use paritas_personality::{BufferId, Part, Place, Plan, Step, Target, Term};
use paritas_units::{Seat, Sector, SectorRange, Sectors};
use std::collections::HashMap;

/// The inverses that slow arithmetic would take too long for.
pub(crate) struct Player {
    inverses: Vec<u8>,
}

/// What a discarded sector reads as here: the worst, nothing that was ever there.
pub(crate) const DISCARDED: Symbol = [0xdd; 4];

/// What steps find on members.
pub(crate) trait Members {
    /// A sector, unless it may not be read.
    fn read(&self, from: Target, at: u64) -> Option<Symbol>;

    /// Changes a sector; panics if there is none.
    fn write(&mut self, to: Target, at: u64, symbol: Symbol);
}

/// Both seats of every slot hold what the model says, and nothing is written.
struct Untouched<'a> {
    model: &'a Model,
    is_readable: &'a dyn Fn(usize, Seat, u64) -> bool,
}

impl Members for Untouched<'_> {
    fn read(&self, from: Target, at: u64) -> Option<Symbol> {
        let image = &self.model.members[from.slot.index()];
        let is_readable = (self.is_readable)(from.slot.index(), from.seat, at);
        is_readable.then(|| image[usize::try_from(at).expect("small")])
    }

    fn write(&mut self, to: Target, at: u64, _symbol: Symbol) {
        panic!("a read writes {to} @ {at}");
    }
}

/// What a place in a buffer holds, and since which phase; zero is before the plan.
type Cell = Option<(Symbol, usize)>;

/// Buffers while a plan is played.
struct Buffers {
    host: Vec<Cell>,
    scratch: Vec<HashMap<usize, (Symbol, usize)>>,
    limits: Vec<usize>,
}

impl Player {
    pub(crate) fn new() -> Self {
        Self { inverses: (0..=255).map(|a| if a == 0 { 0 } else { inverse(a) }).collect() }
    }

    /// What the host gets for `range`. `is_readable` says what may be touched.
    pub(crate) fn play(
        &self,
        model: &Model,
        plan: &Plan,
        range: SectorRange,
        is_readable: &dyn Fn(usize, Seat, u64) -> bool,
    ) -> Vec<Symbol> {
        let host = vec![None; usize::try_from(range.len.0).expect("small")];
        let mut members = Untouched { model, is_readable };
        let (buffers, failed) = self.run(plan, host, &mut members, 0);
        assert_eq!(failed, [], "a read has nothing to compare\n{plan}");
        assert!(matches!(plan.steps(), [.., Step::Fence, Step::Ack] | [Step::Ack]), "{plan}");
        buffers.host.into_iter().map(|cell| cell.expect("every sector is brought").0).collect()
    }

    /// Plays a plan that takes `host` and leaves it alone, the steps of each phase in an order
    /// that follows from `order`. The numbers of the compare steps that failed.
    pub(crate) fn perform(
        &self,
        plan: &Plan,
        host: &[Symbol],
        members: &mut dyn Members,
        order: u64,
    ) -> Vec<usize> {
        let cells: Vec<_> = host.iter().map(|symbol| Some((*symbol, 0))).collect();
        let (buffers, failed) = self.run(plan, cells.clone(), members, order);
        assert!(buffers.host == cells, "the payload was changed\n{plan}");
        assert!(matches!(plan.steps(), [.., Step::Fence, Step::Ack] | [Step::Ack]), "{plan}");
        failed
    }

    fn run(
        &self,
        plan: &Plan,
        host: Vec<Cell>,
        members: &mut dyn Members,
        order: u64,
    ) -> (Buffers, Vec<usize>) {
        let mut buffers = Buffers {
            host,
            scratch: vec![HashMap::new(); plan.scratch().len()],
            limits: plan.scratch().iter().map(|bytes| sectors_of(*bytes)).collect(),
        };
        let numbered: Vec<(usize, &Step)> = plan.steps().iter().enumerate().collect();
        let (mut failed, mut state) = (Vec::new(), order);
        for (phase, steps) in (1..).zip(numbered.split(|(_, step)| **step == Step::Fence)) {
            let mut steps = steps.to_vec();
            for place in (1..steps.len()).filter(|_| order != 0) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                steps.swap(place, usize::try_from(state >> 33).expect("31 bits") % (place + 1));
            }
            let mut touched = Vec::new();
            for (_, step) in &steps {
                assert!(**step != Step::Ack || steps.len() == 1, "an early ack\n{plan}");
                touch(step, &mut touched, plan);
            }
            for (number, step) in steps {
                if !self.step(plan, step, &mut buffers, members, phase) {
                    failed.push(number);
                }
            }
        }
        assert_eq!(plan.steps().last(), Some(&Step::Ack), "nobody tells the host\n{plan}");
        (buffers, failed)
    }

    /// Plays a step; `false` if it is a comparison that fails.
    fn step(
        &self,
        plan: &Plan,
        step: &Step,
        buffers: &mut Buffers,
        members: &mut dyn Members,
        phase: usize,
    ) -> bool {
        match *step {
            Step::Read { from, at, sectors, into } => {
                for line in 0..sectors.0 {
                    let symbol = members.read(from, at.0 + line);
                    let symbol = symbol.unwrap_or_else(|| panic!("reads {from} @ {at}\n{plan}"));
                    buffers.put(into, line, symbol, phase);
                }
            }
            Step::Write { to, at, sectors, from } => {
                for line in 0..sectors.0 {
                    members.write(to, at.0 + line, buffers.get(from, line, phase));
                }
            }
            Step::Discard { target, at, sectors, zeroes } => {
                for line in 0..sectors.0 {
                    members.write(target, at.0 + line, if zeroes { [0; 4] } else { DISCARDED });
                }
            }
            Step::Solve { inputs, outputs, first, bytes } => {
                let known = plan.parts(first, inputs);
                let unknown = plan.parts(first + u32::from(inputs), outputs);
                for line in 0..sectors_of(bytes) as u64 {
                    self.solve(buffers, known, unknown, line, phase);
                }
            }
            Step::Compare { parts, first, bytes } => {
                let parts = plan.parts(first, parts);
                let mut lines = 0..sectors_of(bytes) as u64;
                return lines.all(|line| self.holds(buffers, parts, line, phase));
            }
            Step::Ack => {}
            Step::Fence | Step::Log { .. } | Step::Flush { .. } => panic!("unexpected {step:?}"),
        }
        true
    }

    /// The sums of the equations over `parts`, and which parities are among them.
    fn sums(
        &self,
        buffers: &Buffers,
        parts: &[Part],
        line: u64,
        phase: usize,
    ) -> (Symbol, Symbol, bool, bool) {
        let (mut p_sum, mut q_sum) = ([0; 4], [0; 4]);
        for part in parts {
            let symbol = buffers.get(part.place, line, phase);
            for byte in 0..4 {
                match part.term {
                    Term::P => p_sum[byte] ^= symbol[byte],
                    Term::Q => q_sum[byte] ^= symbol[byte],
                    Term::Data(exponent) => {
                        let power = known_power(exponent);
                        p_sum[byte] ^= symbol[byte];
                        q_sum[byte] ^= product(power, symbol[byte]);
                    }
                }
            }
        }
        let has = |term| parts.iter().any(|part| part.term == term);
        (p_sum, q_sum, has(Term::P), has(Term::Q))
    }

    /// Whether parts satisfy their equations, or are equal where no parity is among them.
    fn holds(&self, buffers: &Buffers, parts: &[Part], line: u64, phase: usize) -> bool {
        let (p_sum, q_sum, has_p, has_q) = self.sums(buffers, parts, line, phase);
        if !has_p && !has_q {
            let mut copies = parts.iter().map(|part| buffers.get(part.place, line, phase));
            let first = copies.next();
            return copies.all(|copy| Some(copy) == first);
        }
        (!has_p || p_sum == [0; 4]) && (!has_q || q_sum == [0; 4])
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
        let (p_sum, q_sum, has_p, has_q) = self.sums(buffers, known, line, phase);
        let terms: Vec<Term> = unknown.iter().map(|part| part.term).collect();
        let mut put = |number: usize, symbol| {
            buffers.put(unknown[number].place, line, symbol, phase);
        };
        match (&terms[..], has_p, has_q) {
            ([Term::P], _, false) | ([Term::Data(_)], true, false) => put(0, p_sum),
            ([Term::Q], false, _) => put(0, q_sum),
            ([Term::P, Term::Q], false, false) | ([Term::P, Term::Q], true, true) => {
                put(0, p_sum);
                put(1, q_sum);
            }
            ([Term::Data(x)], false, true) => {
                let factor = self.inverses[usize::from(known_power(*x))];
                put(0, q_sum.map(|q| product(factor, q)));
            }
            ([Term::Data(x), Term::Data(y)], true, true) => {
                let (g, h) = (known_power(*x), known_power(*y));
                let factor = self.inverses[usize::from(g ^ h)];
                let first: Symbol = std::array::from_fn(|byte| {
                    product(factor, q_sum[byte] ^ product(h, p_sum[byte]))
                });
                put(0, first);
                put(1, std::array::from_fn(|byte| first[byte] ^ p_sum[byte]));
            }
            other => panic!("not an equation that a plan needs: {other:?}"),
        }
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

/// What a step does to a member: where, from, to, whether it changes something.
type Touch = (Target, u64, u64, bool);

/// Refuses two steps of a phase that meet on a member, of which one writes.
fn touch(step: &Step, touched: &mut Vec<Touch>, plan: &Plan) {
    let (target, at, sectors, is_change) = match *step {
        Step::Read { from, at, sectors, .. } => (from, at, sectors, false),
        Step::Write { to, at, sectors, .. } => (to, at, sectors, true),
        Step::Discard { target, at, sectors, .. } => (target, at, sectors, true),
        _ => return,
    };
    assert!(!sectors.is_zero(), "an empty step\n{plan}");
    let (from, to) = (at.0, at.0 + sectors.0);
    let meets = |other: &Touch| {
        let is_apart = other.0 != target || to <= other.1 || other.2 <= from;
        !is_apart && (is_change || other.3)
    };
    assert!(!touched.iter().any(meets), "steps of a phase meet on {target} @ {at}\n{plan}");
    touched.push((target, from, to, is_change));
}

fn sectors_of(bytes: u32) -> usize {
    assert_eq!(bytes % 512, 0, "steps move whole sectors");
    usize::try_from(Sectors::whole_in(u64::from(bytes)).0).expect("small")
}

/// The range from `from` up to `to`.
pub(crate) fn between(from: u64, to: u64) -> SectorRange {
    Sector(from).range(Sectors(to - from))
}

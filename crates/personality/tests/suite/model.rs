//! Whole member images, written chunk by chunk in the order of the grids.
//!
//! Deliberately different from the crate: rows are lists that are turned and filled, nothing is
//! computed from a sector's number.

use crate::field::{known_power, product};
use paritas_personality::Shape;
use paritas_units::Level;

/// The content of a sector.
pub(crate) type Symbol = [u8; 4];

/// What a sector of a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Nothing,
    Data(u64),
    Parity,
}

/// An array with all its members.
#[derive(Clone)]
pub(crate) struct Model {
    /// The array's content, by sector.
    pub(crate) array: Vec<Symbol>,
    /// By slot, by position.
    pub(crate) members: Vec<Vec<Symbol>>,
    /// By slot, by position.
    pub(crate) holds: Vec<Vec<Holds>>,
    /// By array sector: slots and positions of all copies.
    pub(crate) homes: Vec<Vec<(usize, usize)>>,
    /// Parities in a row.
    pub(crate) parities: usize,
    /// Rows of chunks with parity, and the exponents of each row's data by slot.
    rows: Vec<(Vec<Cell>, Vec<u8>)>,
    chunk: usize,
}

/// A chunk of a row: the number of a data chunk, a parity, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Data(u64),
    P,
    Q,
    Empty,
}

impl Model {
    /// The model of a shape that is known to be good.
    pub(crate) fn new(shape: &Shape) -> Self {
        let slots = usize::from(shape.slots);
        let chunk = usize::try_from(shape.chunk.0).expect("small");
        let component = usize::try_from(shape.component.0).expect("small");
        match shape.level {
            Level::Linear => Self::of_columns(&linear(shape), 1, usize::MAX),
            Level::Raid0 => {
                let exported = shape.data_sizes.iter().map(|size| {
                    let whole = usize::try_from(size.0).expect("small") / chunk * chunk;
                    whole & !(chunk - 1)
                });
                Self::of_columns(&raid0(shape), chunk, exported.sum())
            }
            Level::Raid1 | Level::Multipath | Level::Faulty => {
                let column: Vec<Cell> = (0..shape.component.0).map(Cell::Data).collect();
                Self::of_columns(&vec![column; slots], 1, usize::MAX)
            }
            Level::Raid10 => Self::of_columns(&raid10(shape, component / chunk), chunk, usize::MAX),
            Level::Raid4 | Level::Raid5 | Level::Raid6 => {
                let rows = component / chunk;
                let order = if matches!(shape.layout, 8..=10) { slot_order } else { md_order };
                let rows: Vec<Vec<Cell>> =
                    (0..rows).map(|row| numbered(&parity_row(shape, row), row)).collect();
                let columns: Vec<Vec<Cell>> =
                    (0..slots).map(|slot| rows.iter().map(|row| row[slot]).collect()).collect();
                let mut model = Self::of_columns(&columns, chunk, usize::MAX);
                model.parities = if shape.level == Level::Raid6 { 2 } else { 1 };
                model.rows = rows.iter().map(|cells| (cells.clone(), order(cells))).collect();
                for at in 0..model.rows.len() * chunk {
                    model.write_parity(at);
                }
                model
            }
        }
    }

    /// Whether a sector can be served when `is_readable(slot, position)` is all that is known.
    pub(crate) fn is_servable(
        &self,
        sector: u64,
        is_readable: &dyn Fn(usize, usize) -> bool,
    ) -> bool {
        let homes = &self.homes[usize::try_from(sector).expect("small")];
        if homes.iter().any(|(slot, at)| is_readable(*slot, *at)) {
            return true;
        }
        let at = homes[0].1;
        let missing = (0..self.members.len()).filter(|slot| !is_readable(*slot, at)).count();
        self.parities > 0 && missing <= self.parities
    }

    /// Members whose columns hold these chunks; the array ends at `end`.
    fn of_columns(columns: &[Vec<Cell>], chunk: usize, end: usize) -> Self {
        let chunks = columns.iter().flatten().filter_map(|cell| match cell {
            Cell::Data(number) => Some(usize::try_from(*number).expect("small") + 1),
            _ => None,
        });
        let length = (chunks.max().unwrap_or(0) * chunk).min(end);
        let array: Vec<Symbol> = (0..length).map(|sector| symbol(sector, 1)).collect();
        let mut model = Self {
            homes: vec![Vec::new(); length],
            array,
            members: Vec::new(),
            holds: Vec::new(),
            parities: 0,
            rows: Vec::new(),
            chunk,
        };
        for (slot, column) in columns.iter().enumerate() {
            let size = column.len() * chunk;
            let mut image: Vec<Symbol> = (0..size).map(|at| symbol(at, 77 + slot)).collect();
            let mut holds = vec![Holds::Nothing; size];
            for (row, cell) in column.iter().enumerate() {
                for line in 0..chunk {
                    let at = row * chunk + line;
                    match cell {
                        Cell::Empty => {}
                        Cell::P | Cell::Q => holds[at] = Holds::Parity,
                        Cell::Data(number) => {
                            let sector = usize::try_from(*number).expect("small") * chunk + line;
                            if sector < length {
                                holds[at] = Holds::Data(sector as u64);
                                image[at] = model.array[sector];
                                model.homes[sector].push((slot, at));
                            }
                        }
                    }
                }
            }
            model.members.push(image);
            model.holds.push(holds);
        }
        model
    }

    /// Changes a sector of the array, with all its copies and parities.
    pub(crate) fn set(&mut self, sector: u64, symbol: Symbol) {
        let sector = usize::try_from(sector).expect("small");
        self.array[sector] = symbol;
        for (slot, at) in &self.homes[sector] {
            self.members[*slot][*at] = symbol;
        }
        if self.parities > 0 {
            self.write_parity(self.homes[sector][0].1);
        }
    }

    /// The array sector that a position of a slot holds.
    pub(crate) fn array_sector(&self, slot: usize, at: usize) -> u64 {
        match self.holds[slot][at] {
            Holds::Data(sector) => sector,
            other => panic!("{slot} @ {at} holds {other:?}"),
        }
    }

    /// The slots of P and Q at `at`, of levels with parity.
    pub(crate) fn parity_slots(&self, at: usize) -> [Option<usize>; 2] {
        let (cells, _) = &self.rows[at / self.chunk];
        [Cell::P, Cell::Q].map(|parity| cells.iter().position(|cell| *cell == parity))
    }

    /// Computes P and Q of the sectors at `at`.
    fn write_parity(&mut self, at: usize) {
        let (cells, order) = &self.rows[at / self.chunk];
        let (mut p, mut q) = ([0; 4], [0; 4]);
        for (slot, cell) in cells.iter().enumerate() {
            if let Cell::Data(_) = cell {
                for (byte, value) in self.members[slot][at].into_iter().enumerate() {
                    p[byte] ^= value;
                    q[byte] ^= product(known_power(order[slot]), value);
                }
            }
        }
        for (slot, cell) in cells.iter().enumerate() {
            match cell {
                Cell::P => self.members[slot][at] = p,
                Cell::Q => self.members[slot][at] = q,
                Cell::Data(_) | Cell::Empty => {}
            }
        }
    }
}

/// Bytes that no two places are likely to share.
pub(crate) fn symbol(number: usize, salt: usize) -> Symbol {
    let spread = |number: usize, by: u64| (number as u64 + 1).wrapping_mul(by);
    let mut state = spread(number, 0x9e37_79b9_7f4a_7c15) ^ spread(salt, 0x2545_f491_4f6c_dd1d);
    for _ in 0..3 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    let bytes = state.to_le_bytes();
    [bytes[0], bytes[2], bytes[4], bytes[6]]
}

fn linear(shape: &Shape) -> Vec<Vec<Cell>> {
    let mut next = 0..;
    let whole = |size: u64| match u64::from(shape.chunk.0) {
        0 => size,
        chunk => size / chunk * chunk,
    };
    let sizes = shape.data_sizes.iter().map(|size| whole(size.0));
    sizes.map(|size| (0..size).filter_map(|_| next.next().map(Cell::Data)).collect()).collect()
}

/// Row by row over the members that still have room.
fn raid0(shape: &Shape) -> Vec<Vec<Cell>> {
    let rooms: Vec<usize> = shape
        .data_sizes
        .iter()
        .map(|size| usize::try_from(size.0 / u64::from(shape.chunk.0)).expect("small"))
        .collect();
    let mut columns = vec![Vec::new(); rooms.len()];
    let mut next = 0_u64;
    loop {
        let wide: Vec<usize> =
            (0..rooms.len()).filter(|slot| columns[*slot].len() < rooms[*slot]).collect();
        if wide.is_empty() {
            return columns;
        }
        let row = next;
        for turn in 0..wide.len() {
            let place = match shape.layout {
                1 => usize::try_from(next).expect("small") % wide.len(),
                _ => turn,
            };
            assert_eq!(next, row + turn as u64);
            columns[wide[place]].push(Cell::Data(next));
            next += 1;
        }
    }
}

/// Rows of near copies; far copies are the rows again, with each far set turned.
fn raid10(shape: &Shape, room: usize) -> Vec<Vec<Cell>> {
    let slots = usize::from(shape.slots);
    let [near, far, flags, _] = shape.layout.to_le_bytes().map(usize::from);
    let rows = room / far;
    let chunks = rows * slots / near;
    let grid: Vec<Vec<Cell>> =
        (0..rows * slots)
            .map(|place| {
                if place / near < chunks { Cell::Data((place / near) as u64) } else { Cell::Empty }
            })
            .collect::<Vec<_>>()
            .chunks(slots)
            .map(<[Cell]>::to_vec)
            .collect();
    let set = match flags >> 1 {
        0 => slots,
        1 => slots / far,
        _ => near * far,
    };
    let turned = |row: &Vec<Cell>, times: usize| {
        let mut row = row.clone();
        let mut rest = &mut row[..];
        while !rest.is_empty() {
            let length = if rest.len() < 2 * set { rest.len() } else { set };
            let (head, tail) = rest.split_at_mut(length);
            head.rotate_right(times * near % length);
            rest = tail;
        }
        row
    };
    let mut lines = Vec::new();
    if flags & 1 == 1 {
        for row in &grid {
            lines.extend((0..far).map(|times| turned(row, times)));
        }
    } else {
        for times in 0..far {
            lines.extend(grid.iter().map(|row| turned(row, times)));
        }
    }
    (0..slots).map(|slot| lines.iter().map(|line| line[slot]).collect()).collect()
}

/// A row with data chunks numbered from zero.
fn parity_row(shape: &Shape, row: usize) -> Vec<Cell> {
    let slots = usize::from(shape.slots);
    let layout = if shape.level == Level::Raid4 { 5 } else { shape.layout };
    let data = |count: usize| (0..count).map(|number| Cell::Data(number as u64));
    if shape.level != Level::Raid6 {
        return single_parity_row(layout, slots, row);
    }
    if matches!(layout, 16..=20) {
        let mut cells = single_parity_row(layout - 16, slots - 1, row);
        cells.push(Cell::Q);
        return cells;
    }
    let turn = row % slots;
    let marks = |mut marks: Vec<Cell>, left: usize, right: usize| {
        marks.rotate_left(left);
        marks.rotate_right(right);
        let mut numbers = 0..;
        for cell in marks.iter_mut().filter(|cell| **cell == Cell::Empty) {
            *cell = Cell::Data(numbers.next().expect("endless"));
        }
        marks
    };
    let blank = || std::iter::repeat_n(Cell::Empty, slots - 2);
    let right = || [Cell::P, Cell::Q].into_iter().chain(blank()).collect::<Vec<_>>();
    let around = || [Cell::Q].into_iter().chain(blank()).chain([Cell::P]).collect::<Vec<_>>();
    let mut symmetric: Vec<Cell> = data(slots - 2).collect();
    match layout {
        0 => marks(around(), turn, 0),
        1 | 8 => marks(right(), 0, turn),
        2 => {
            symmetric.insert(0, Cell::Q);
            symmetric.push(Cell::P);
            symmetric.rotate_left(turn);
            symmetric
        }
        3 => {
            symmetric.splice(0..0, [Cell::P, Cell::Q]);
            symmetric.rotate_right(turn);
            symmetric
        }
        4 => [Cell::P, Cell::Q].into_iter().chain(symmetric).collect(),
        5 => symmetric.into_iter().chain([Cell::P, Cell::Q]).collect(),
        9 => marks(blank().chain([Cell::P, Cell::Q]).collect(), turn, 0),
        10 => {
            symmetric.extend([Cell::Q, Cell::P]);
            symmetric.rotate_left(turn);
            symmetric
        }
        other => panic!("raid6 has no layout {other}"),
    }
}

fn single_parity_row(layout: u32, slots: usize, row: usize) -> Vec<Cell> {
    let turn = row % slots;
    let mut cells: Vec<Cell> = (0..slots - 1).map(|number| Cell::Data(number as u64)).collect();
    match layout {
        0 => cells.insert(slots - 1 - turn, Cell::P),
        1 => cells.insert(turn, Cell::P),
        2 => {
            cells.push(Cell::P);
            cells.rotate_left(turn);
        }
        3 => {
            cells.insert(0, Cell::P);
            cells.rotate_right(turn);
        }
        4 => cells.insert(0, Cell::P),
        5 => cells.push(Cell::P),
        other => panic!("raid5 has no layout {other}"),
    }
    cells
}

/// The row with data chunks numbered through the array.
fn numbered(cells: &[Cell], row: usize) -> Vec<Cell> {
    let data = cells.iter().filter(|cell| matches!(cell, Cell::Data(_))).count();
    let number = |cell: &Cell| match cell {
        Cell::Data(number) => Cell::Data(number + (row * data) as u64),
        other => *other,
    };
    cells.iter().map(number).collect()
}

/// Exponents in md's order: from behind Q on, round, parities left out.
fn md_order(cells: &[Cell]) -> Vec<u8> {
    let mut order = vec![0; cells.len()];
    let Some(q) = cells.iter().position(|cell| *cell == Cell::Q) else { return order };
    let mut walk: Vec<usize> = (0..cells.len()).collect();
    walk.rotate_left(q + 1);
    walk.retain(|slot| matches!(cells[*slot], Cell::Data(_)));
    for (exponent, slot) in (0..).zip(walk) {
        order[slot] = exponent;
    }
    order
}

/// Exponents as the Disk Data Format has them.
fn slot_order(cells: &[Cell]) -> Vec<u8> {
    (0..).take(cells.len()).collect()
}

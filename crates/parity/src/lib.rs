//! XOR and P+Q arithmetic, with a kernel per instruction set.

//! Rules that need the syntax of a Rust file: function lengths, and what pure crates may name.
//!
//! A pure crate takes events and gives actions; a clock, a thread, a file or a socket in it would
//! make the simulator and the program that ships two different things. Tests may use them.

use super::{Offence, TextFile};
use proc_macro2::Span;
use std::path::Path;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The most lines of a function, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Crates that do no I/O and read no clock.
const PURE: &[&str] = &["units", "format", "parity", "personality", "disk", "engine"];

/// What they may not name.
const IMPURE_PATHS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::io::stdin",
    "std::io::stdout",
    "std::os::unix::net",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Checks one Rust file.
pub(super) fn check(file: &TextFile) -> Vec<Offence> {
    let syntax = match syn::parse_file(&file.content) {
        Ok(syntax) => syntax,
        Err(error) => {
            let line = error.span().start().line;
            return vec![Offence::new(&file.path, line, format!("cannot be parsed: {error}"))];
        }
    };
    let mut looker = Looker {
        file,
        is_pure: is_pure(&file.path) && !file.is_test(),
        test_depth: 0,
        offences: Vec::new(),
    };
    looker.visit_file(&syntax);
    looker.offences
}

fn is_pure(path: &Path) -> bool {
    let mut parts = path.components().map(|part| part.as_os_str());
    parts.next().is_some_and(|part| part == "crates")
        && parts.next().is_some_and(|part| PURE.iter().any(|pure| part == *pure))
        && parts.next().is_some_and(|part| part == "src")
}

struct Looker<'a> {
    file: &'a TextFile,
    is_pure: bool,
    test_depth: usize,
    offences: Vec<Offence>,
}

impl Looker<'_> {
    fn check_function(&mut self, name: &syn::Ident, body: Span) {
        let lines = body.end().line.saturating_sub(name.span().start().line) + 1;
        if lines > FUNCTION_LINES_MAX {
            let text = format!("function `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}");
            self.offences.push(Offence::new(&self.file.path, name.span().start().line, text));
        }
    }

    fn check_path(&mut self, path: &str, span: Span) {
        if !self.is_pure || self.test_depth > 0 {
            return;
        }
        let is_or_holds = |impure: &&&str| {
            path == **impure
                || path.strip_prefix(**impure).is_some_and(|rest| rest.starts_with("::"))
        };
        if let Some(impure) = IMPURE_PATHS.iter().find(is_or_holds) {
            let text = format!("`{impure}` in a pure crate: take it as an event from the driver");
            self.offences.push(Offence::new(&self.file.path, span.start().line, text));
        }
    }

    fn check_use(&mut self, before: &str, tree: &syn::UseTree) {
        let join = |name: &syn::Ident| {
            if before.is_empty() { name.to_string() } else { format!("{before}::{name}") }
        };
        match tree {
            syn::UseTree::Path(path) => self.check_use(&join(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.check_path(before, name.span());
            }
            syn::UseTree::Name(name) => self.check_path(&join(&name.ident), name.span()),
            syn::UseTree::Rename(name) => self.check_path(&join(&name.ident), name.span()),
            syn::UseTree::Glob(glob) => self.check_path(before, glob.span()),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.check_use(before, item));
            }
        }
    }
}

/// Whether the item is compiled for tests only.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let mut is_test = false;
        if attribute.path().is_ident("cfg") {
            // A shape that this does not understand counts as code, the stricter reading.
            let _understood = attribute.parse_nested_meta(|meta| {
                is_test |= meta.path.is_ident("test");
                Ok(())
            });
        }
        is_test || attribute.path().is_ident("test")
    })
}

impl<'ast> Visit<'ast> for Looker<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let depth = usize::from(is_for_tests(&item.attrs));
        self.test_depth += depth;
        visit::visit_item_mod(self, item);
        self.test_depth -= depth;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check_function(&item.sig.ident, item.block.span());
        let depth = usize::from(is_for_tests(&item.attrs));
        self.test_depth += depth;
        visit::visit_item_fn(self, item);
        self.test_depth -= depth;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check_function(&item.sig.ident, item.block.span());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.check_function(&item.sig.ident, body.span());
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.check_use("", &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|one| one.ident.to_string()).collect();
        self.check_path(&parts.join("::"), path.span());
        visit::visit_path(self, path);
    }
}

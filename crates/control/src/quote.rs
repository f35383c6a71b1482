//! Names as mdadm.conf takes them.

/// A name in quotes if mdadm.conf needs them.
#[must_use]
pub fn quoted(name: &[u8]) -> Vec<u8> {
    let needs = name.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'\'' | b'"'));
    if !needs {
        return name.to_vec();
    }
    // The quotes are those that come second in the name; where they come, the others take over.
    let first = name.iter().find(|byte| matches!(byte, b'\'' | b'"'));
    let mut quote = if first == Some(&b'"') { b'\'' } else { b'"' };
    let mut quoted = vec![quote];
    for byte in name {
        if *byte == quote {
            quoted.push(quote);
            quote = if quote == b'"' { b'\'' } else { b'"' };
            quoted.push(quote);
        }
        quoted.push(*byte);
    }
    quoted.push(quote);
    quoted
}

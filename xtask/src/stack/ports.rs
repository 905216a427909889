//! Every port of the stack, in one table.
//!
//! All lie below the range that the kernel hands out for outgoing connections (32768 and up): a
//! port from there may be taken by chance. All lie far from where a system's own services listen.

/// What listens where. A part with more than one port has names like `part.what`.
pub(crate) const TABLE: &[(&str, u16)] = &[
    ("demo", 24080),
    ("traefik", 24100),
    ("traefik.api", 24101),
    ("registry", 25000),
    ("postgres", 25432),
    ("keycloak", 28080),
    ("minio", 29000),
    ("prometheus", 29090),
    ("prometheus.exporter", 29100),
];

/// The port of that name. Use it in a constant: then a missing name is an error of the compiler.
pub(crate) const fn of(name: &str) -> u16 {
    let mut at = 0;
    while at < TABLE.len() {
        if same(TABLE[at].0, name) {
            return TABLE[at].1;
        }
        at += 1;
    }
    panic!("not in the table of ports")
}

/// The ports of one part.
pub(crate) fn of_part(part: &str) -> impl Iterator<Item = u16> {
    let owner = |name: &'static str| name.split('.').next();
    TABLE
        .iter()
        .filter(move |(name, _)| owner(name) == Some(part))
        .map(|(_, port)| *port)
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_port_and_no_name_is_there_twice() {
        let names: BTreeSet<_> = TABLE.iter().map(|(name, _)| name).collect();
        let ports: BTreeSet<_> = TABLE.iter().map(|(_, port)| port).collect();
        assert_eq!((names.len(), ports.len()), (TABLE.len(), TABLE.len()));
    }

    #[test]
    fn no_port_can_be_taken_by_an_outgoing_connection() {
        assert!(
            TABLE
                .iter()
                .all(|(_, port)| (10_000..32_768).contains(port))
        );
    }

    #[test]
    fn a_part_finds_its_ports() {
        assert_eq!(of_part("postgres").collect::<Vec<_>>(), [of("postgres")]);
        assert_eq!(of_part("nobody").count(), 0);
    }
}

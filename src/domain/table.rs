//! Rows in columns, as text for a terminal or a chat.

/// A column's heading, and whether its cells stand to the right.
pub struct Column {
    /// Above the cells.
    pub heading: &'static str,
    /// As for numbers.
    pub right: bool,
}

/// Rows in columns.
pub fn table(columns: &[Column], rows: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells
            .chain([columns[at].heading.chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells
            .iter()
            .zip(columns)
            .zip(&widths)
            .map(|((cell, column), &width)| {
                if column.right {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(columns.iter().map(|column| column.heading).collect());
    let rows = rows
        .iter()
        .map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(head)
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_under_each_other() {
        let columns = [
            Column {
                heading: "SERIES",
                right: false,
            },
            Column {
                heading: "VALUE",
                right: true,
            },
        ];
        let rows =
            [["a", "1 KiB"], ["instance=b", "1000 KiB"]].map(|row| row.map(str::to_owned).to_vec());
        insta::assert_snapshot!(table(&columns, &rows), @"
        SERIES         VALUE
        a              1 KiB
        instance=b  1000 KiB
        ");
    }
}

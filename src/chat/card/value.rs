//! Data as text for people: tables, values, indents.

use serde_json::Value;

/// A sentence in a table is cut at this many characters. Names and addresses are not: people copy
/// them.
const WIDEST: usize = 60;

/// Rows under their headings, in columns.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let cut = |cell: &String| -> String {
        let flat = cell.replace('\n', " ");
        if flat.chars().count() <= WIDEST || !flat.contains(' ') {
            return flat;
        }
        flat.chars().take(WIDEST - 1).chain(['…']).collect()
    };
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(cut).collect())
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column).map(|cell| cell.chars().count()))
            .chain([headings[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(headings.to_vec())];
    lines.extend(
        rows.iter()
            .map(|row| line(row.iter().map(String::as_str).collect())),
    );
    lines.join("\n")
}

/// An output for people: the text that it brings along for them, or else a list of objects as a
/// table, an object as lines, text as it is.
pub fn value(value: &Value) -> String {
    if let Some(text) = value.get("text").and_then(Value::as_str) {
        return text.to_owned();
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| match value {
                Value::Array(items) if items.iter().all(Value::is_object) && !items.is_empty() => {
                    format!("{name}:\n{}", indented(&objects(items)))
                }
                Value::String(text) if text.contains('\n') => {
                    format!("{name}:\n{}", indented(text.trim_end()))
                }
                Value::Array(items) if !items.is_empty() => {
                    let lines: Vec<_> = items.iter().map(short_value).collect();
                    format!("{name}:\n{}", indented(&lines.join("\n")))
                }
                Value::Array(_) => format!("{name}: none"),
                other => format!("{name}: {}", short_value(other)),
            })
            .collect::<Vec<_>>()
            .join("\n"),
        Value::Array(items) if items.iter().all(Value::is_object) && !items.is_empty() => {
            objects(items)
        }
        other => short_value(other),
    }
}

fn objects(items: &[Value]) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for item in items {
        for name in item.as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !columns.contains(&name.as_str()) {
                columns.push(name);
            }
        }
    }
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| {
            columns
                .iter()
                .map(|name| item.get(*name).map(short_value).unwrap_or_default())
                .collect()
        })
        .collect();
    table(&columns, &rows)
}

/// A value in one line: a text as it is, a list with commas.
pub fn short_value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(short_value).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The lines of a text, each with a margin of four.
pub fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

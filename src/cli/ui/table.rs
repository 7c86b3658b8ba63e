//! Plain tables: columns apart by two spaces, no frames, so that `awk` and eyes both like them.

use comfy_table::{Cell, CellAlignment, Table};

use super::sanitize::display;

/// A column: its heading, and whether it holds numbers (aligned right).
pub type Column = (&'static str, bool);

/// Text of a table with `rows` below `columns`, each line ended. Cells are made safe here.
pub fn render(columns: &[Column], rows: &[Vec<String>]) -> String {
    let align = |(_, number): &Column| if *number { CellAlignment::Right } else { CellAlignment::Left };
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(columns.iter().map(|column| Cell::new(column.0).set_alignment(align(column))));
    for row in rows {
        table.add_row(columns.iter().zip(row).map(|(column, text)| Cell::new(display(text)).set_alignment(align(column))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_cells_are_safe() {
        let rows = vec![vec!["a\x1b[2J".into(), "5".into()], vec!["日本".into(), "1,000".into()]];
        assert_eq!(render(&[("NAME", false), ("N", true)], &rows), "NAME          N\na\\x1b[2J      5\n日本      1,000\n");
    }
}

//! Lines of CSV for spreadsheets.

/// One line with its end, every cell quoted where it has to be and none of them a formula.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(cells.into_iter().map(harmless))?;
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

/// A spreadsheet runs a cell that begins like a formula; an apostrophe makes it text.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn no_cell_is_a_formula_and_none_ends_early() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            let line = line([evil, "a,\"b\"\nc"]).unwrap();
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(line.as_slice());
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!(&record[0], format!("'{evil}"));
            assert_eq!(&record[1], "a,\"b\"\nc");
        }
    }
}

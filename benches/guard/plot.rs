//! The growth of cost as a drawing: one small diagram for each shape of query.

use std::fmt::Write as _;

/// The cost of one shape: bytes of the query, and microseconds.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 210.0;
const HEIGHT: f64 = 130.0;
const MARGIN: f64 = 34.0;
const COLUMNS: usize = 4;

/// An SVG of all lines. The dashed one goes from the origin to the last point: what exactly linear would be.
pub(crate) fn draw(lines: &[Line]) -> String {
    let rows = lines.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * rows as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"10\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (index, line) in lines.iter().enumerate() {
        let left = WIDTH * (index % COLUMNS) as f64 + MARGIN;
        let top = HEIGHT * (index / COLUMNS) as f64 + 20.0;
        panel(&mut svg, line, left, top);
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, line: &Line, left: f64, top: f64) {
    let (wide, tall) = (WIDTH - MARGIN - 12.0, HEIGHT - MARGIN - 12.0);
    let bottom = top + tall;
    let Some(&(bytes, most)) = line.points.last() else { return };
    let at = |(x, y): (f64, f64)| (left + wide * x / bytes, bottom - tall * y / most);
    let points: Vec<String> =
        line.points.iter().map(|point| at(*point)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let (right, end) = at((bytes, most));
    writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{}</text>",
        top - 6.0,
        line.name
    )
    .unwrap();
    writeln!(svg, "<path d=\"M{left} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"black\"/>")
        .unwrap();
    writeln!(
        svg,
        "<path d=\"M{left} {bottom}L{right} {end}\" stroke=\"gray\" stroke-dasharray=\"3 3\"/>"
    )
    .unwrap();
    writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"#c22\"/>", points.join(" "))
        .unwrap();
    for (x, y) in line.points.iter().map(|point| at(*point)) {
        writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"#c22\"/>").unwrap();
    }
    writeln!(
        svg,
        "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{bytes} bytes</text>",
        bottom + 12.0
    )
    .unwrap();
    writeln!(svg, "<text x=\"{}\" y=\"{}\">{:.2} ms</text>", left + 3.0, top + 8.0, most / 1_000.0)
        .unwrap();
}

//! The palette, held to WCAG AA by computation: every ink on every surface it is used on, in both themes.

use std::collections::HashMap;

const TOKENS: &str = include_str!("../../static/css/tokens.css");

/// Contrast of text, and of what is seen but not read (WCAG 1.4.3, 1.4.11).
const TEXT: f64 = 4.5;
const SHAPE: f64 = 3.0;

const SURFACES: [&str; 5] = [
    "--surface",
    "--surface-raised",
    "--surface-sunken",
    "--surface-hover",
    "--surface-chosen",
];

#[derive(Clone, Copy, Debug)]
enum Theme {
    Light,
    Dark,
}

struct Palette(HashMap<&'static str, &'static str>);

impl Palette {
    fn read() -> Self {
        let tokens = TOKENS.lines().filter_map(|line| {
            let (name, value) = line.trim().strip_suffix(';')?.split_once(": ")?;
            name.starts_with("--").then_some((name, value))
        });
        let mut palette = HashMap::new();
        for (name, value) in tokens {
            // Later blocks give the level aliases their values; the first word on a token is the root's.
            palette.entry(name).or_insert(value);
        }
        Self(palette)
    }

    fn luminance(&self, value: &str, theme: Theme) -> f64 {
        if let Some(name) = inside(value, "var(") {
            return self.token(name, theme);
        }
        if let Some(pair) = inside(value, "light-dark(") {
            let (light, dark) = halves(pair);
            return match theme {
                Theme::Light => self.luminance(light, theme),
                Theme::Dark => self.luminance(dark, theme),
            };
        }
        let parts: Vec<f64> = inside(value, "oklch(")
            .unwrap_or_else(|| panic!("{value} is not a colour we can read"))
            .split_whitespace()
            .take(3)
            .map(|part| part.parse().unwrap())
            .collect();
        luminance_of(parts[0], parts[1], parts[2])
    }

    fn token(&self, name: &str, theme: Theme) -> f64 {
        let value = self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("no token {name}"));
        self.luminance(value, theme)
    }

    fn contrast(&self, one: &str, other: &str, theme: Theme) -> f64 {
        let (a, b) = (self.token(one, theme), self.token(other, theme));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

fn inside<'a>(value: &'a str, function: &str) -> Option<&'a str> {
    value.strip_prefix(function)?.strip_suffix(')')
}

/// Splits at the comma that stands in no parenthesis.
fn halves(pair: &str) -> (&str, &str) {
    let mut depth = 0;
    let comma = pair
        .find(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            c == ',' && depth == 0
        })
        .unwrap();
    (pair[..comma].trim(), pair[comma + 1..].trim())
}

/// OKLCH to linear sRGB (clipped to the gamut) to relative luminance.
fn luminance_of(lightness: f64, chroma: f64, hue: f64) -> f64 {
    let (sin, cos) = hue.to_radians().sin_cos();
    let (a, b) = (chroma * cos, chroma * sin);
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let red = 4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s;
    let green = -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s;
    let blue = -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s;
    0.2126 * red.clamp(0.0, 1.0) + 0.7152 * green.clamp(0.0, 1.0) + 0.0722 * blue.clamp(0.0, 1.0)
}

/// What is used on what: foreground, background, least contrast.
fn pairs() -> Vec<(String, String, f64)> {
    let mut pairs = Vec::new();
    let mut on = |ink: &str, surfaces: &[&str], least: f64| {
        for surface in surfaces {
            pairs.push((ink.to_owned(), (*surface).to_owned(), least));
        }
    };
    for ink in ["--ink", "--ink-muted", "--link"] {
        on(ink, &SURFACES, TEXT);
    }
    for state in ["danger", "caution", "notice", "clear", "unknown"] {
        let own = format!("--{state}-surface");
        let ink = format!("--{state}-ink");
        let edge = match state {
            "caution" => "--caution-edge".to_owned(),
            _ => format!("--{state}-lamp"),
        };
        on(&ink, &SURFACES, TEXT);
        for ink in [&*ink, "--ink", "--ink-muted"] {
            on(ink, &[&own], TEXT);
        }
        on(&edge, &SURFACES[..3], SHAPE);
    }
    on("--accent-ink", &["--accent", "--accent-hover"], TEXT);
    on(
        "--danger-fill-ink",
        &["--danger-fill", "--danger-fill-hover"],
        TEXT,
    );
    on(
        "--nav-ink",
        &[
            "--nav-surface",
            "--nav-hover",
            "--nav-chosen",
            "--nav-count",
        ],
        TEXT,
    );
    on("--nav-ink-muted", &["--nav-surface"], TEXT);
    for shape in ["--rule-control", "--accent"] {
        on(shape, &SURFACES[..3], SHAPE);
    }
    on("--focus", &SURFACES, SHAPE);
    for line in ["--chart-1", "--chart-2", "--chart-3", "--chart-4"] {
        on(
            line,
            &["--surface", "--surface-raised", "--chart-gap"],
            SHAPE,
        );
    }
    on(
        "--mark-on-dark",
        &["--danger-lamp", "--notice-lamp", "--clear-lamp"],
        SHAPE,
    );
    on("--mark-on-light", &["--caution-lamp"], SHAPE);
    pairs
}

#[test]
fn every_pair_of_tokens_in_use_has_contrast_enough() {
    let palette = Palette::read();
    let mut weak = Vec::new();
    for (ink, surface, least) in pairs() {
        for theme in [Theme::Light, Theme::Dark] {
            let contrast = palette.contrast(&ink, &surface, theme);
            if contrast < least {
                weak.push(format!(
                    "{ink} on {surface}, {theme:?}: {contrast:.2} < {least}"
                ));
            }
        }
    }
    assert!(weak.is_empty(), "{weak:#?}");
}

#[test]
fn black_on_white_is_twenty_one_to_one() {
    let (white, black) = (luminance_of(1.0, 0.0, 0.0), luminance_of(0.0, 0.0, 0.0));
    assert!(((white + 0.05) / (black + 0.05) - 21.0).abs() < 0.01);
}

/// Mark-up and components use meanings; only the tokens know the raw scales.
#[test]
fn raw_colours_stay_in_the_tokens() {
    let css = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static/css");
    let mut strays = Vec::new();
    for folder in ["components", "pages", "layout", "."] {
        for entry in std::fs::read_dir(css.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() || path.ends_with("tokens.css") {
                continue;
            }
            for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
                let raw = [
                    "oklch(",
                    "rgb(",
                    "#",
                    "--paper-",
                    "--slate-",
                    "--red-",
                    "--yellow-",
                    "--blue-",
                    "--green-",
                    "--lime-",
                ];
                let is_id_selector = line.trim_start().starts_with('#');
                if !is_id_selector && raw.iter().any(|raw| line.contains(raw)) {
                    strays.push(format!("{}:{}: {line}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(strays.is_empty(), "{strays:#?}");
}

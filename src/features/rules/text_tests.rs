use super::*;

const PACK: &str = r#"# Kept by operations.
[platform]
id = "demo"   # short
name = "Demo"
version = "1"

# FC-1: the first.
[[rule]]
id = "down"
name = "It is down"
on.state = "api"
red = { is = "down" }
runbook = "mend"

# FC-4. The guide names no limits; these are our own.
[[rule]]
id = "disk"
name = "The disk is full"
on.measure = { probe = "host", name = "disk" } # as df counts
red = { above = "90%", clear = 0.85 }
yellow.above = "${WARN:-80%}"
only_with = "${HOST:-}"

[[runbook]]
id = "mend"
title = "Mend it"
steps = [
    "[[rule]] is no header here",
]

# The end.
"#;

fn all(_: &str) -> bool {
    true
}

fn ours(name: &str) -> bool {
    name != "only_with"
}

#[test]
fn a_text_that_is_only_read_is_as_it_was() {
    assert_eq!(Text::read(PACK).unwrap().source(), PACK);
}

#[test]
fn every_pack_that_ships_is_read_to_the_letter() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/packs");
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let source = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(Text::read(&source).unwrap().source(), source);
    }
}

#[test]
fn a_rule_is_found_with_the_comments_above_it() {
    let text = Text::read(PACK).unwrap();
    let piece = text.piece("down").unwrap();
    assert!(
        piece.starts_with("# FC-1: the first.\n[[rule]]\nid = \"down\""),
        "{piece}"
    );
    assert!(piece.ends_with("runbook = \"mend\""), "{piece}");
    assert_eq!(text.piece("gone"), None);
    let fields = text.fields("disk").unwrap();
    let field = |name: &str| fields.get(name).map(String::as_str);
    assert_eq!(field("on.measure.name"), Some("disk"));
    assert_eq!(field("red.above"), Some("90%"));
    assert_eq!(field("red.clear"), Some("0.85"));
    assert_eq!(field("yellow.above"), Some("${WARN:-80%}"));
    assert_eq!(field("id"), None);
}

/// The lines that are other than before: gone, then new.
fn changed(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let only = |a: &str, b: &str| -> Vec<String> {
        let known: Vec<&str> = b.lines().collect();
        let lines = a.lines().filter(|line| !known.contains(line));
        lines.map(str::to_owned).collect()
    };
    (only(before, after), only(after, before))
}

fn put(id: &str, change: impl FnOnce(&mut Fields)) -> String {
    let mut text = Text::read(PACK).unwrap();
    let mut fields = text.fields(id).unwrap();
    change(&mut fields);
    text.put(id, &fields, ours).unwrap();
    text.source()
}

fn set(fields: &mut Fields, name: &str, value: &str) {
    fields.insert(name.to_owned(), value.to_owned());
}

#[test]
fn only_what_is_said_otherwise_is_written_anew() {
    assert_eq!(put("disk", |_| {}), PACK);
    let after = put("disk", |fields| set(fields, "red.above", "95%"));
    let (gone, new) = changed(PACK, &after);
    assert_eq!(gone, ["red = { above = \"90%\", clear = 0.85 }"]);
    assert_eq!(new, ["red = { above = \"95%\", clear = 0.85 }"]);
    let after = put("disk", |fields| {
        set(fields, "on.measure.name", "memory");
        set(fields, "yellow.above", "0.7");
    });
    let (_, new) = changed(PACK, &after);
    assert_eq!(
        new,
        [
            "on.measure = { probe = \"host\", name = \"memory\" } # as df counts",
            "yellow.above = 0.7"
        ]
    );
}

#[test]
fn what_is_added_and_taken_away_leaves_the_rest() {
    let after = put("disk", |fields| {
        set(fields, "red.for", "5m");
        fields.remove("red.clear");
        fields.remove("yellow.above");
        set(fields, "blue.above", "50%");
        set(fields, "owner", "operations");
    });
    let (gone, new) = changed(PACK, &after);
    assert_eq!(
        gone,
        [
            "red = { above = \"90%\", clear = 0.85 }",
            "yellow.above = \"${WARN:-80%}\""
        ]
    );
    assert_eq!(
        new,
        [
            "red = { above = \"90%\", for = \"5m\" }",
            "blue = { above = \"50%\" }",
            "owner = \"operations\""
        ]
    );
    let text = Text::read(&after).unwrap();
    assert_eq!(
        text.fields("disk").unwrap().get("only_with").unwrap(),
        "${HOST:-}"
    );
}

#[test]
fn what_is_not_the_forms_stays() {
    let mut text = Text::read(PACK).unwrap();
    let mut fields = text.fields("disk").unwrap();
    fields.remove("only_with");
    text.put("disk", &fields, ours).unwrap();
    assert_eq!(text.source(), PACK);
    text.put("disk", &fields, all).unwrap();
    assert!(!text.source().contains("only_with"));
}

#[test]
fn a_new_rule_comes_behind_the_last() {
    let mut text = Text::read(PACK).unwrap();
    let fields: Fields = [
        ("name", "It \"beeps\""),
        ("on.event", "beep"),
        ("blue", EMPTY),
        ("owner", "42"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    text.add("beep", &fields).unwrap();
    assert_eq!(text.add("disk", &fields), Err(Unfit::Twice));
    let after = text.source();
    let (gone, new) = changed(PACK, &after);
    assert_eq!(gone, Vec::<String>::new());
    assert_eq!(
        new,
        [
            "id = \"beep\"",
            "name = 'It \"beeps\"'",
            "on.event = \"beep\"",
            "blue = {}",
            "owner = \"42\""
        ]
    );
    assert!(
        after.contains("only_with = \"${HOST:-}\"\n\n[[rule]]\nid = \"beep\""),
        "{after}"
    );
    assert!(
        after.contains("blue = {}\nowner = \"42\"\n\n[[runbook]]"),
        "{after}"
    );
}

#[test]
fn a_rule_of_several_keys_is_written_as_packs_write_it() {
    let mut text = Text::read("[platform]\nid = \"p\"\n").unwrap();
    let fields: Fields = [
        ("name", "Errors"),
        ("on.share.scrape", "api"),
        ("on.share.part", "m{status=~\"5..\"}"),
        ("on.share.whole", "m"),
        ("on.share.least", "50"),
        ("red.above", "1%"),
        ("red.for", "5m"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    text.add("errors", &fields).unwrap();
    assert_eq!(
        text.source(),
        "[platform]\nid = \"p\"\n\n[[rule]]\nid = \"errors\"\nname = \"Errors\"\n\
         on.share = { scrape = \"api\", part = 'm{status=~\"5..\"}', whole = \"m\", least = 50 }\n\
         red = { above = \"1%\", for = \"5m\" }\n"
    );
}

#[test]
fn a_rule_is_taken_out_with_its_comments() {
    let mut text = Text::read(PACK).unwrap();
    text.remove("down").unwrap();
    assert_eq!(text.remove("down"), Err(Unfit::Missing));
    let after = text.source();
    assert!(!after.contains("FC-1") && after.contains("FC-4") && after.contains("# The end."));
    text.remove("disk").unwrap();
    assert!(!text.source().contains("\n[[rule]]\n"));
}

#[test]
fn rules_in_one_list_are_left_alone() {
    let source = "rule = [{ id = \"a\" }]\n";
    let mut text = Text::read(source).unwrap();
    assert_eq!(text.fields("a"), None);
    assert_eq!(text.remove("a"), Err(Unfit::OneList));
    assert!(matches!(Text::read("rule = ["), Err(Unfit::Unreadable)));
}

#[test]
fn lines_end_as_they_did() {
    let source = PACK.replace('\n', "\r\n");
    let mut text = Text::read(&source).unwrap();
    assert_eq!(text.source(), source);
    let mut fields = text.fields("disk").unwrap();
    set(&mut fields, "red.for", "5m");
    set(&mut fields, "owner", "operations");
    text.put("disk", &fields, ours).unwrap();
    let after = text.source();
    assert_eq!(after.matches("\r\n").count(), after.matches('\n').count());
    let (_, new) = changed(&source, &after);
    assert_eq!(
        new,
        [
            "red = { above = \"90%\", clear = 0.85, for = \"5m\" }",
            "owner = \"operations\""
        ]
    );
}

#[test]
fn a_comment_within_a_table_of_one_line_stays() {
    let source = "[[rule]]\nid = \"a\"\nred = {\n  above = 1, # as agreed\n  clear = 0.5, # with the bank\n}\n";
    let mut text = Text::read(source).unwrap();
    let mut fields = text.fields("a").unwrap();
    set(&mut fields, "red.for", "5m");
    text.put("a", &fields, all).unwrap();
    let after = text.source();
    assert!(
        after.contains("# as agreed") && after.contains("# with the bank"),
        "{after}"
    );
    let again = Text::read(&after).unwrap();
    assert_eq!(again.fields("a").unwrap(), fields, "{after}");
}

#[test]
fn numbers_are_written_as_numbers() {
    let written = |typed: &str| made("above", typed).to_string();
    assert_eq!(written("1_000"), "1_000");
    assert_eq!(written(".5"), "0.5");
    assert_eq!(written("05"), "5");
    assert_eq!(written("98.5"), "98.5");
    assert_eq!(written("90%"), "\"90%\"");
    assert_eq!(written("inf"), "\"inf\"");
    assert_eq!(made("owner", "05").to_string(), "\"05\"");
}

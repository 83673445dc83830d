use crate::features::packs::guards::lowered;
use crate::features::packs::guards::tests::{PACK, specs};

/// While the API is down nobody is told that it is slow or has errors, and the API leans on the database.
fn with_causes() -> String {
    let leaning = "name = \"API\"\ndepends_on = [\"db\"]";
    let pack = PACK.replacen("name = \"API\"", leaning, 1);
    format!(
        "{pack}\n[[inhibit]]\nid = \"down-and-slow\"\nsource = {{ alertname = \"down\" }}\n\
         target = {{ alertname = \"slow\" }}\n\n\
         [[inhibit]]\nid = \"down-and-errors\"\nsource = {{ alertname = \"down\", severity = \"critical\" }}\n\
         target = {{ alertname = \"errors\" }}\nequal = [\"service\"]\n\n\
         [[probe]]\nid = \"db-probe\"\nservice = \"db\"\ncheck.tcp = {{ address = \"localhost:5432\" }}\n\n\
         [[rule]]\nid = \"db-down\"\nname = \"Database\"\non.state = \"db-probe\"\n\
         yellow = {{ is = \"down\", for = \"5m\" }}\nkeep_firing_for = \"0s\"\n\n\
         [[rule]]\nid = \"dumped\"\nname = \"Dumped\"\non.heartbeat = \"dump\"\nyellow = {{ is = \"down\" }}\n\n\
         [[inhibit]]\nid = \"dump-and-quality\"\nsource = {{ alertname = \"dumped\" }}\ntarget = {{ alertname = \"quality\" }}\n"
    )
}

fn between(before: &str, after: &str) -> Vec<String> {
    let lowered = lowered(&specs(before), &specs(after));
    lowered.iter().map(ToString::to_string).collect()
}

/// What is said where one thing is written otherwise.
fn said(from: &str, to: &str) -> Vec<String> {
    let before = with_causes();
    let after = before.replacen(from, to, 1);
    assert_ne!(after, before, "{from} is not there");
    between(&before, &after)
}

const DOWN: &str = "rule down: it may be lit where it was not, and while it is lit, nobody is told of errors, slow";

#[test]
fn a_cause_that_is_lit_more_often_silences_what_follows_from_it() {
    let down = "red = { is = \"down\" }";
    for more in [
        "red = { is = \"down\" }\nblue = { is = \"up\" }",
        "red = { is = \"down\" }\nno_data = \"fire\"",
        "red = { is = \"down\" }\nkeep_firing_for = \"10m\"",
    ] {
        assert_eq!(said(down, more), [DOWN], "{more}");
    }
    // What it reads says so sooner.
    for (from, to) in [
        ("timeout = \"5s\"", "timeout = \"2500ms\""),
        ("interval = \"30s\"", "interval = \"10s\""),
        ("timeout = \"5s\"", "timeout = \"5s\"\nfailures_to_down = 1"),
        ("timeout = \"5s\"", "timeout = \"5s\"\nretries = 0"),
    ] {
        let told = said(from, to);
        assert!(told.iter().any(|it| it == DOWN), "{to}: {told:?}");
    }
    let dumped = [
        "rule dumped: it may be lit where it was not, and while it is lit, nobody is told of quality",
    ];
    assert_eq!(said("grace = \"10m\"", "grace = \"1m\""), dumped);
}

#[test]
fn a_red_lamp_beneath_others_silences_them() {
    let red = "\n[[rule]]\nid = \"always\"\nname = \"Always\"\non.state = \"db-probe\"\nred = { is = \"up\" }\nrunbook = \"mend\"\n";
    let before = with_causes();
    let beneath = "while it is red, nobody is told of what leans on db: api";
    assert_eq!(
        between(&before, &format!("{before}{red}")),
        [format!("rule always: {beneath}")]
    );
    // A lesser level is nobody's cause there.
    let yellow = red.replacen("red = { is", "yellow = { is", 1);
    assert_eq!(
        between(&before, &format!("{before}{yellow}")),
        Vec::<String>::new()
    );
    let sooner = said("is = \"down\", for = \"5m\"", "is = \"down\", for = \"1m\"");
    assert_eq!(sooner, Vec::<String>::new());
    let reddened = said(
        "yellow = { is = \"down\", for = \"5m\" }",
        "red = { is = \"down\", for = \"5m\" }\nrunbook = \"mend\"\nyellow = { is = \"down\", for = \"5m\" }",
    );
    assert!(
        reddened.iter().any(|it| it.ends_with(beneath)),
        "{reddened:?}"
    );
}

#[test]
fn what_is_nobodys_cause_takes_one_person_as_before() {
    for (from, to) in [
        ("name = \"It is down\"", "name = \"The API is down\""),
        ("above = \"2s\", clear", "above = \"1900ms\", clear"),
        ("least = 20", "least = 10"),
        ("below = 98, for", "below = 98.5, for"),
    ] {
        assert_eq!(said(from, to), Vec::<String>::new(), "{to}");
    }
}

/// What an inhibition names may come from elsewhere.
#[test]
fn an_inhibition_without_a_rule_of_ours_still_silences() {
    let before = with_causes().replacen(
        "target = { alertname = \"slow\" }",
        "target = { alertname = \"HostSlow\" }",
        1,
    );
    let after = before.replacen(
        "{ is = \"down\" }",
        "{ is = \"down\" }\nblue = { is = \"up\" }",
        1,
    );
    let told = between(&before, &after);
    assert!(
        told[0].ends_with("nobody is told of down-and-slow, errors"),
        "{told:?}"
    );
}

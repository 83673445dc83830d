//! What a pack may say of maintenance and of causes.

use super::{SMALL, findings};

fn said(more: &str) -> Vec<String> {
    let found = findings(&format!("{SMALL}\n{more}"));
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn windows_and_causes_that_cannot_be_are_named() {
    let window = |when: &str, services: &str| {
        said(&format!(
            "[[maintenance]]\nid = \"m\"\nname = \"M\"\nwhen = \"{when}\"\nservices = {services}\n"
        ))
    };
    let first = "first Saturday 02:00-04:00 America/New_York";
    assert_eq!(window(first, "[\"api\"]"), Vec::<String>::new());
    assert!(window("fifth Saturday 02:00-04:00", "[]")[0].contains("error bad-schedule on m"));
    assert!(window(first, "[\"web\"]")[0].contains("there is no service \"web\""));

    let inhibit = |source: &str, target: &str| {
        said(&format!(
            "[[inhibit]]\nid = \"i\"\nsource = {source}\ntarget = {target}\n"
        ))
    };
    let (down, slow) = ("{ alertname = \"api-down\" }", "{ alertname = \"qos\" }");
    assert_eq!(inhibit(down, slow), Vec::<String>::new());
    assert!(inhibit(down, down)[0].contains("not its own cause"));
    assert!(inhibit("{}", slow)[0].contains("at least one label"));
}

#[test]
fn a_service_does_not_lean_on_itself() {
    let with = |on: &str| {
        let service = format!("name = \"API\"\ndepends_on = [\"{on}\"]");
        let pack = SMALL.replacen("name = \"API\"", &service, 1);
        let circle = "\n[[service]]\nid = \"db\"\nname = \"Database\"\ndepends_on = [\"cache\"]\n\
                      \n[[service]]\nid = \"cache\"\nname = \"Cache\"\ndepends_on = [\"api\"]\n";
        let pack = pack + circle;
        let codes = findings(&pack).into_iter().map(|finding| finding.code);
        codes.collect::<Vec<_>>()
    };
    assert_eq!(with("db"), ["circle"; 3], "each of the three is told");
    assert!(with("nothing").contains(&"unknown-reference"));
}

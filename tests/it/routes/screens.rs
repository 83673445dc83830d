//! A wall screen's cookie over the whole route table: it opens the display, and is nothing anywhere else.

use signalbox::app;
use signalbox::foundation::kernel::Scope;
use signalbox::foundation::web::Access;

use super::{ask, verdict};
use crate::support::app::TestApp;

#[actix_web::test]
async fn a_screen_opens_the_display_and_is_nobody_elsewhere() {
    let app = TestApp::start().await;
    let screen = app.screen_of(&app.screen_key(Scope::All));
    let nobody = app.as_outsider();
    let mut displays = 0;
    for route in app::routes().iter() {
        let asked = ask(&screen, None, &app.url, route).await;
        let asked = verdict(route, &asked);
        let unknown = ask(&nobody, None, &app.url, route).await;
        let unknown = verdict(route, &unknown);
        let name = format!("{} {}", route.path, route.method);
        if route.access == Access::Display {
            displays += 1;
            assert_eq!(
                (asked.as_str(), unknown.as_str()),
                ("yes", "sign-in"),
                "{name}"
            );
        } else {
            assert_eq!(asked, unknown, "{name} is more to a screen than to nobody");
        }
    }
    assert_eq!(displays, 1, "the display is one page");
}

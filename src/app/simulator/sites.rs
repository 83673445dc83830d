//! What is stood in for: the services of the five guides.

use std::net::SocketAddr;

use super::Mode;
use super::metrics::Named;

/// A service that the simulator answers for.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// The platform's id in its pack.
    pub platform: &'static str,
    pub name: &'static str,
    pub speaks: Speaks,
    /// The parameter that holds its address, without the platform in front.
    parameter: &'static str,
}

/// What it speaks.
#[derive(Clone, Copy, Debug)]
pub enum Speaks {
    /// Paths and what they answer; everything else is 404.
    Http(&'static [(&'static str, Answer)]),
    Postgres,
    Redis,
}

#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub kind: &'static str,
    pub body: &'static str,
    /// Whether the pack's probe reads the body; where it does not, only another status is wrong.
    pub body_counts: bool,
    /// What it calls the metrics that it serves instead of the body.
    pub metrics: Option<Named>,
    /// Whether somebody else's platform answers, who may ask us to come less often.
    pub limits: bool,
    /// Whether a rule of its pack asks how long it takes.
    pub is_timed: bool,
}

const OK: Answer = Answer {
    kind: "application/json",
    body: r#"{"status":"ok"}"#,
    body_counts: true,
    metrics: None,
    limits: false,
    is_timed: false,
};
const OK_BY_STATUS: Answer = Answer {
    body_counts: false,
    ..OK
};
const FRONT: Answer = Answer {
    kind: "text/html",
    body: "<!doctype html><title>Simulated</title><p>Simulated front page.",
    body_counts: false,
    metrics: None,
    limits: false,
    is_timed: false,
};
const TIMED: Answer = Answer {
    is_timed: true,
    ..OK_BY_STATUS
};
const OF_OTHERS: Answer = Answer {
    limits: true,
    ..OK_BY_STATUS
};

const fn metrics(named: Named) -> Answer {
    Answer {
        kind: "text/plain; version=0.0.4",
        body: "",
        body_counts: true,
        metrics: Some(named),
        limits: false,
        is_timed: false,
    }
}

const HORIZON_METRICS: Answer = metrics(Named {
    requests: "http_requests_total",
    duration: "report_generation_duration_seconds",
    waiting: Some(("ingestion_lag", 42, 420)),
    also: None,
    told: &[Mode::Lagging, Mode::Silent],
});
const FINCHAT_METRICS: Answer = metrics(Named {
    requests: "finchat_http_requests_total",
    duration: "finchat_response_seconds",
    waiting: None,
    also: Some("finchat_questions_total"),
    told: &[Mode::Erring],
});
const DEBT_OS_METRICS: Answer = metrics(Named {
    requests: "http_requests_total",
    duration: "http_request_duration_seconds",
    waiting: Some(("bull_queue_waiting", 7, 160)),
    also: None,
    told: &[Mode::Erring, Mode::Lagging],
});

const HORIZON_API: &[(&str, Answer)] = &[("/health", OK), ("/metrics", HORIZON_METRICS)];
const FINCHAT_API: &[(&str, Answer)] = &[("/health", OK_BY_STATUS), ("/metrics", FINCHAT_METRICS)];
const LAIT_BACKEND: &[(&str, Answer)] = &[("/api/health", TIMED), ("/api/readiness", OK_BY_STATUS)];
const FRONT_PAGE: &[(&str, Answer)] = &[("/", FRONT)];
const UP: &[(&str, Answer)] = &[("/up", FRONT)];
const DEBT_OS_API: &[(&str, Answer)] = &[
    ("/api/health", OK),
    ("/api/health/db", OK_BY_STATUS),
    ("/api/health/redis", OK_BY_STATUS),
    ("/metrics", DEBT_OS_METRICS),
];

const BANK: &[(&str, Answer)] = &[("/accounts", OF_OTHERS), ("/transfers", OF_OTHERS)];
const LEGAL: &[(&str, Answer)] = &[("/search", OF_OTHERS)];
const EDGAR: &[(&str, Answer)] = &[("/submissions/CIK0000320193.json", OF_OTHERS)];

/// The one cache in which queues are whose rules ask how long they wait.
const WITH_QUEUES: &str = "Cache and queues";

/// All of them, in the order of their ports.
pub fn all() -> Vec<Described> {
    use Speaks::{Http, Postgres, Redis};
    let of = |platform| {
        move |name, speaks, parameter| Described {
            platform,
            name,
            speaks,
            parameter,
        }
    };
    let (horizon, lait, finaegis) = (of("regtech-horizon"), of("lait"), of("finaegis"));
    let (finchat, debt_os) = (of("finchat"), of("debt-os"));
    vec![
        horizon("API", Http(HORIZON_API), "API_URL"),
        horizon("LumaDB", Postgres, "LUMADB"),
        lait("Backend", Http(LAIT_BACKEND), "API_URL"),
        lait("Front end", Http(FRONT_PAGE), "WEB_URL"),
        lait("Database", Postgres, "DB"),
        lait("Cache", Redis, "REDIS_ADDRESS"),
        finaegis("Application", Http(UP), "APP_URL"),
        finaegis("Event store", Postgres, "DB"),
        finaegis(WITH_QUEUES, Redis, "REDIS_ADDRESS"),
        finchat("API", Http(FINCHAT_API), "API_URL"),
        finchat("Web application", Http(FRONT_PAGE), "WEB_URL"),
        finchat("Cache", Redis, "REDIS_ADDRESS"),
        debt_os("API", Http(DEBT_OS_API), "API_URL"),
        debt_os("PostgreSQL", Postgres, "DB"),
        debt_os("Redis", Redis, "REDIS_ADDRESS"),
        finaegis("First bank", Http(BANK), "BANK_FIRST_URL"),
        finaegis("Second bank", Http(BANK), "BANK_SECOND_URL"),
        lait("Legal database", Http(LEGAL), "LEGAL_URL"),
        finchat("SEC EDGAR", Http(EDGAR), "EDGAR_URL"),
    ]
}

impl Described {
    /// The ways to misbehave that its probes do not notice: only its metrics tell of them, or its answers do.
    pub fn told(&self) -> &'static [Mode] {
        let routes = match self.speaks {
            Speaks::Http(routes) => routes,
            Speaks::Postgres => return &[Mode::Crowded],
            Speaks::Redis if self.name == WITH_QUEUES => return &[Mode::Piling],
            Speaks::Redis => return &[],
        };
        if routes.iter().any(|(_, answer)| answer.limits) {
            return &[Mode::Limiting];
        }
        if routes.iter().any(|(_, answer)| answer.is_timed) {
            return &[Mode::Late];
        }
        let mut named = routes.iter().filter_map(|(_, answer)| answer.metrics);
        named.next().map_or(&[], |named| named.told)
    }

    /// The parameters that send the platform's pack to `address`.
    pub fn parameters(&self, address: SocketAddr) -> Vec<(String, String)> {
        let platform = self.platform.to_uppercase().replace('-', "_");
        let named =
            |suffix: &str, value: String| (format!("{platform}_{}{suffix}", self.parameter), value);
        match self.speaks {
            Speaks::Http(_) => vec![named("", format!("http://{address}"))],
            Speaks::Redis => vec![named("", address.to_string())],
            Speaks::Postgres => vec![
                named("_HOST", address.ip().to_string()),
                named("_PORT", address.port().to_string()),
            ],
        }
    }
}

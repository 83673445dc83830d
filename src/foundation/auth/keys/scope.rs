use std::fmt;
use std::str::FromStr;

/// What a key may open. A closed list, of which none approves or decides anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyScope {
    SubjectsWrite,
    CasesRead,
    AlertsRead,
    AlertsAcknowledge,
    /// Hand in alerts, as Prometheus does.
    AlertsWrite,
    /// Silence one alert, as one person may.
    AlertsSilence,
    AuditRead,
    LogsWrite,
    IndicatorsWrite,
    EventsWrite,
    /// Wall screens. A key that has it has no other.
    Display,
}

impl KeyScope {
    pub const ALL: [Self; 11] = [
        Self::SubjectsWrite,
        Self::CasesRead,
        Self::AlertsRead,
        Self::AlertsAcknowledge,
        Self::AlertsWrite,
        Self::AlertsSilence,
        Self::AuditRead,
        Self::LogsWrite,
        Self::IndicatorsWrite,
        Self::EventsWrite,
        Self::Display,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SubjectsWrite => "subjects:write",
            Self::CasesRead => "cases:read",
            Self::AlertsRead => "alerts:read",
            Self::AlertsAcknowledge => "alerts:acknowledge",
            Self::AlertsWrite => "alerts:write",
            Self::AlertsSilence => "alerts:silence",
            Self::AuditRead => "audit:read",
            Self::LogsWrite => "logs:write",
            Self::IndicatorsWrite => "indicators:write",
            Self::EventsWrite => "events:write",
            Self::Display => "display",
        }
    }

    /// What it opens, for whoever gives it.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::SubjectsWrite => "Hand in customers, and ask what became of them",
            Self::CasesRead => "Read review cases, without names or notes",
            Self::AlertsRead => "Read alerts",
            Self::AlertsAcknowledge => "Take alerts in hand that nobody has in hand",
            Self::AlertsWrite => "Hand in alerts, as Prometheus and Alertmanager do",
            Self::AlertsSilence => {
                "Silence one alert for as long as one person may, as amtool does"
            }
            Self::AuditRead => "Read the audit log, as it is sealed",
            Self::LogsWrite => "Hand in lines of the platform's logs",
            Self::IndicatorsWrite => "Report values of indicators",
            Self::EventsWrite => "Report events of the platform",
            Self::Display => {
                "Show health and open alerts on wall screens, and nothing else: it stands alone"
            }
        }
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("\"{text}\" is not a scope; there are {names}")
        })
    }
}

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// The reverse proxies whose word on a visitor's address is taken: a comma-separated list of networks or addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Proxies {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| match part.parse::<IpAddr>() {
                Ok(address) => Ok(IpNet::from(address)),
                Err(_) => part.parse(),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses() {
        let proxies: Proxies = "10.0.0.0/8, 192.0.2.7,2001:db8::/32".parse().unwrap();
        for (address, expected) in [
            ("10.200.0.1", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8::5", true),
            ("::1", false),
        ] {
            assert_eq!(proxies.contains(address.parse().unwrap()), expected);
        }
        assert_eq!("".parse(), Ok(Proxies::default()));
        assert!("everybody".parse::<Proxies>().is_err());
        assert!("10.0.0.0/33".parse::<Proxies>().is_err());
    }
}

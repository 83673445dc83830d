use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Networks, such as those of the reverse proxies whose word on a visitor's address is taken. As text: a list of
/// networks or addresses, with commas, spaces or line ends between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each as it is written.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Networks {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(|c: char| c == ',' || c.is_whitespace())
            .filter(|part| !part.is_empty())
            .map(|part| match part.parse::<IpAddr>() {
                Ok(address) => Ok(IpNet::from(address)),
                Err(_) => part.parse().map(|network: IpNet| network.trunc()),
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
        let networks: Networks = "10.0.0.0/8, 192.0.2.7,2001:db8::/32".parse().unwrap();
        for (address, expected) in [
            ("10.200.0.1", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8::5", true),
            ("::1", false),
        ] {
            assert_eq!(networks.contains(address.parse().unwrap()), expected);
        }
        assert_eq!("".parse(), Ok(Networks::default()));
        let spaced: Networks = "10.1.2.3/8\r\n 192.0.2.7".parse().unwrap();
        assert_eq!(spaced.texts(), ["10.0.0.0/8", "192.0.2.7/32"]);
        assert!("everybody".parse::<Networks>().is_err());
        assert!("10.0.0.0/33".parse::<Networks>().is_err());
    }
}

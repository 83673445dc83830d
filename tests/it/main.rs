mod architecture;
mod audited_writes;
mod front_door;
mod migrations;
mod privileges;
mod support;

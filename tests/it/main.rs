mod architecture;
mod audited_writes;
mod doctor;
mod documents;
mod front_door;
mod migrations;
mod privileges;
mod support;

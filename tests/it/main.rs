mod migrations;
mod privileges;
mod support;

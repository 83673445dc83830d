DROP FUNCTION install_policy;
DROP TABLE policy;

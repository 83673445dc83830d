DROP TABLE api_key_platform;
DROP TABLE api_key;

-- Values come in the order of time, so that a few pages tell which of them are young and which are over.
CREATE INDEX series_point_age ON series_point USING brin (at);
CREATE INDEX series_step_age ON series_step (at);

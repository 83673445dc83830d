DROP TABLE slo_figure;
DROP TABLE slo_month;
DROP TABLE slo_span;

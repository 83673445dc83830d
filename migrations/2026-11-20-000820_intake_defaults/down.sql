DELETE FROM policy WHERE key = 'intake.defaults';

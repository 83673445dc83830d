DELETE FROM policy WHERE key = 'calendar.us';

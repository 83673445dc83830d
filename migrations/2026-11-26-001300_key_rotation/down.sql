REVOKE UPDATE (ciphertext) ON intake_rejection FROM signalbox_app;
REVOKE UPDATE (fields) ON parked_form FROM signalbox_app;

UPDATE secret_slots SET record = zeroblob(length(record)), free = 1
    WHERE id IN (SELECT slot_id FROM secrets WHERE owner_kind = 'signer');
DELETE FROM secrets WHERE owner_kind = 'signer';
DROP TABLE receipt_keys;
DROP TABLE receipts;

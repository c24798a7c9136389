DELETE FROM secret_slots x USING secrets s
    WHERE s.owner_kind = 'signer' AND x.org_id = s.org_id AND x.id = s.slot_id;
DELETE FROM secrets WHERE owner_kind = 'signer';
DROP TABLE receipt_keys;
DROP TABLE receipts;

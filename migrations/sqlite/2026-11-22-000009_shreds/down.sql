DROP TABLE shreds;

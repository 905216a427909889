-- What a small shop keeps: enough rows that a comparison of them means something.
CREATE TABLE customers (
    id integer PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE orders (
    id integer PRIMARY KEY,
    customer integer NOT NULL REFERENCES customers,
    placed timestamptz NOT NULL
);
CREATE TABLE order_lines (
    "order" integer NOT NULL REFERENCES orders,
    line integer NOT NULL,
    book text NOT NULL,
    cents integer NOT NULL,
    PRIMARY KEY ("order", line)
);
INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 200) n;
INSERT INTO orders
    SELECT n, 1 + n % 200, timestamptz '2026-01-01 UTC' + n * interval '1 hour'
    FROM generate_series(1, 2000) n;
INSERT INTO order_lines
    SELECT n, line, 'book ' || (n * 7 + line) % 997, 990 + (n * 13 + line) % 4000
    FROM generate_series(1, 2000) n, generate_series(1, 3) line;

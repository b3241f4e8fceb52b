-- A platform as MeshSSO finds it: the dashboard's own tables and a few people of two tenants.
CREATE TABLE meshsso_lab (made timestamptz NOT NULL DEFAULT now());

CREATE TABLE tenants (
    tenant_id uuid PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE users (
    user_id serial PRIMARY KEY,
    email text NOT NULL UNIQUE,
    full_name text,
    tenant_id uuid REFERENCES tenants,
    role text NOT NULL,
    is_superadmin boolean NOT NULL DEFAULT false,
    disabled boolean NOT NULL DEFAULT false
);

CREATE TABLE agents (
    agent_id serial PRIMARY KEY,
    uuid uuid NOT NULL DEFAULT gen_random_uuid(),
    hostname text NOT NULL,
    platform text NOT NULL DEFAULT 'linux',
    tenant_id uuid REFERENCES tenants,
    meshcentral_nodeid text
);

INSERT INTO tenants (tenant_id, name) VALUES
    ('1a111111-1111-4111-8111-111111111111', 'Acme Dental'),
    ('2b222222-2222-4222-8222-222222222222', 'Borealis Freight');

INSERT INTO users (email, full_name, tenant_id, role, is_superadmin) VALUES
    ('tina@acme.example', 'Tina Technician', '1a111111-1111-4111-8111-111111111111', 'technician', false),
    ('adam@acme.example', 'Adam Admin', '1a111111-1111-4111-8111-111111111111', 'admin', false),
    ('vera@acme.example', 'Vera Viewer', '1a111111-1111-4111-8111-111111111111', 'viewer', false),
    ('bob@borealis.example', 'Bob Technician', '2b222222-2222-4222-8222-222222222222', 'technician', false),
    ('sue@platform.example', 'Sue Superadmin', NULL, 'superadmin', true);

INSERT INTO agents (hostname, tenant_id) VALUES
    ('acme-frontdesk', '1a111111-1111-4111-8111-111111111111'),
    ('borealis-dock', '2b222222-2222-4222-8222-222222222222');

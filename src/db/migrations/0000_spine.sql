CREATE TABLE "actions" (
	"id" serial PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"family" text NOT NULL,
	"target" jsonb NOT NULL,
	"target_digest" text NOT NULL,
	"params" jsonb NOT NULL,
	"investigation_id" integer NOT NULL,
	"incident_id" integer NOT NULL,
	"evidence_id" integer,
	"undoes" integer,
	"state" text NOT NULL,
	"version" text NOT NULL,
	"note" text NOT NULL,
	"rule" text NOT NULL,
	"source" text NOT NULL,
	"connector" text,
	"by_hand" text,
	"approvals_needed" integer NOT NULL,
	"undoable" boolean NOT NULL,
	"blast_radius" jsonb NOT NULL,
	"decision" jsonb,
	"proposed_at" timestamp with time zone NOT NULL,
	"decided_at" timestamp with time zone,
	"deadline" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"executing_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"ticket" text,
	"waiting_for_device" boolean DEFAULT false NOT NULL,
	"outcome" text,
	"lab" boolean NOT NULL
);
--> statement-breakpoint
CREATE TABLE "alerts" (
	"id" serial PRIMARY KEY NOT NULL,
	"source" text NOT NULL,
	"source_id" text NOT NULL,
	"identity" text NOT NULL,
	"digest" text NOT NULL,
	"title" text NOT NULL,
	"severity" text NOT NULL,
	"category" text,
	"description" text,
	"product" text,
	"techniques" jsonb NOT NULL,
	"url" text,
	"status" text NOT NULL,
	"entities" jsonb NOT NULL,
	"raw" jsonb,
	"detected_at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"incident_id" integer NOT NULL,
	"investigation_id" integer,
	"joined_because" text,
	"policy_rule" text NOT NULL,
	"duplicates" integer DEFAULT 0 NOT NULL,
	"lab" boolean NOT NULL
);
--> statement-breakpoint
CREATE TABLE "approvals" (
	"action_id" integer NOT NULL,
	"version" text NOT NULL,
	"person" text NOT NULL,
	"name" text NOT NULL,
	"via" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "approvals_action_id_version_person_pk" PRIMARY KEY("action_id","version","person")
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"seq" bigint PRIMARY KEY NOT NULL,
	"line" text NOT NULL,
	"hash" text NOT NULL,
	"incident_id" integer
);
--> statement-breakpoint
CREATE TABLE "audit_head" (
	"id" integer PRIMARY KEY NOT NULL,
	"count" bigint NOT NULL,
	"hash" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "channels" (
	"channel" text PRIMARY KEY NOT NULL,
	"next_at" timestamp with time zone,
	"trouble" text
);
--> statement-breakpoint
CREATE TABLE "evidence" (
	"id" serial PRIMARY KEY NOT NULL,
	"investigation_id" integer NOT NULL,
	"incident_id" integer NOT NULL,
	"digest" text NOT NULL,
	"entity" jsonb NOT NULL,
	"said" jsonb NOT NULL,
	"verdict" text NOT NULL,
	"judgement" jsonb,
	"override" jsonb,
	"remediation" text NOT NULL,
	"looked_round" integer,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "incident_keys" (
	"digest" text NOT NULL,
	"incident_id" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "incident_keys_digest_incident_id_pk" PRIMARY KEY("digest","incident_id")
);
--> statement-breakpoint
CREATE TABLE "incidents" (
	"id" serial PRIMARY KEY NOT NULL,
	"title" text NOT NULL,
	"severity" text NOT NULL,
	"status" text NOT NULL,
	"redirect_to" integer,
	"assignee" text,
	"opened_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"closed_at" timestamp with time zone,
	"alert_count" integer NOT NULL,
	"lab" boolean NOT NULL
);
--> statement-breakpoint
CREATE TABLE "investigations" (
	"id" serial PRIMARY KEY NOT NULL,
	"incident_id" integer NOT NULL,
	"status" text NOT NULL,
	"trigger" jsonb NOT NULL,
	"playbooks" jsonb NOT NULL,
	"round" integer NOT NULL,
	"wanted" integer NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"pending_since" timestamp with time zone,
	"lab" boolean NOT NULL
);
--> statement-breakpoint
CREATE TABLE "join_keys" (
	"digest" text PRIMARY KEY NOT NULL,
	"seen_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "lab_objects" (
	"kind" text NOT NULL,
	"id" text NOT NULL,
	"state" jsonb NOT NULL,
	CONSTRAINT "lab_objects_kind_id_pk" PRIMARY KEY("kind","id")
);
--> statement-breakpoint
CREATE TABLE "login_links" (
	"digest" text PRIMARY KEY NOT NULL,
	"person" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"id" serial PRIMARY KEY NOT NULL,
	"channel" text NOT NULL,
	"subject" text NOT NULL,
	"incident_id" integer NOT NULL,
	"thread" text,
	"wanted" integer NOT NULL,
	"shown" integer NOT NULL,
	"priority" integer NOT NULL,
	"ref" jsonb,
	"shown_digest" text,
	"posting_since" timestamp with time zone,
	"retry_at" timestamp with time zone,
	"trouble" text,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "observations" (
	"id" serial PRIMARY KEY NOT NULL,
	"evidence_id" integer NOT NULL,
	"investigation_id" integer NOT NULL,
	"look" text NOT NULL,
	"part" integer NOT NULL,
	"analyzer" text NOT NULL,
	"source" text NOT NULL,
	"family" text NOT NULL,
	"label" text NOT NULL,
	"weight" double precision NOT NULL,
	"text" text NOT NULL,
	"technique" text,
	"raw" jsonb,
	"found" jsonb,
	"at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "settings" (
	"key" text PRIMARY KEY NOT NULL,
	"value" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "timeline" (
	"id" serial PRIMARY KEY NOT NULL,
	"incident_id" integer NOT NULL,
	"investigation_id" integer,
	"action_id" integer,
	"at" timestamp with time zone NOT NULL,
	"actor" jsonb NOT NULL,
	"event" text NOT NULL,
	"text" text NOT NULL
);
--> statement-breakpoint
CREATE INDEX "actions_incident" ON "actions" USING btree ("incident_id");--> statement-breakpoint
CREATE INDEX "actions_investigation" ON "actions" USING btree ("investigation_id");--> statement-breakpoint
CREATE INDEX "actions_state" ON "actions" USING btree ("state","id");--> statement-breakpoint
CREATE UNIQUE INDEX "alerts_identity" ON "alerts" USING btree ("identity");--> statement-breakpoint
CREATE INDEX "alerts_incident" ON "alerts" USING btree ("incident_id");--> statement-breakpoint
CREATE UNIQUE INDEX "evidence_once" ON "evidence" USING btree ("investigation_id","digest");--> statement-breakpoint
CREATE INDEX "evidence_incident" ON "evidence" USING btree ("incident_id");--> statement-breakpoint
CREATE INDEX "incident_keys_incident" ON "incident_keys" USING btree ("incident_id");--> statement-breakpoint
CREATE INDEX "incidents_open" ON "incidents" USING btree ("status","id");--> statement-breakpoint
CREATE INDEX "investigations_incident" ON "investigations" USING btree ("incident_id");--> statement-breakpoint
CREATE INDEX "investigations_status" ON "investigations" USING btree ("status","id");--> statement-breakpoint
CREATE UNIQUE INDEX "messages_once" ON "messages" USING btree ("channel","subject");--> statement-breakpoint
CREATE INDEX "messages_stale" ON "messages" USING btree ("channel","priority","id");--> statement-breakpoint
CREATE INDEX "messages_incident" ON "messages" USING btree ("incident_id");--> statement-breakpoint
CREATE UNIQUE INDEX "observations_once" ON "observations" USING btree ("evidence_id","look","part");--> statement-breakpoint
CREATE INDEX "observations_investigation" ON "observations" USING btree ("investigation_id");--> statement-breakpoint
CREATE INDEX "timeline_incident" ON "timeline" USING btree ("incident_id","id");
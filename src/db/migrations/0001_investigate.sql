CREATE TABLE "snoozes" (
	"id" serial PRIMARY KEY NOT NULL,
	"policy" text NOT NULL,
	"by" text NOT NULL,
	"reason" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"until" timestamp with time zone NOT NULL,
	"ended_by" text
);
--> statement-breakpoint
CREATE TABLE "storms" (
	"id" serial PRIMARY KEY NOT NULL,
	"alike" text NOT NULL,
	"source" text NOT NULL,
	"category" text,
	"severity" text NOT NULL,
	"lab" boolean NOT NULL,
	"alerts" integer NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"last_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "undo_after_ms" bigint;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "undo_warned_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "requested_by" jsonb;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "checked_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "policy_id" text;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "vendor_incident" text;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "policy_name" text;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "suppressed" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "storm_id" integer;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "alike" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "evidence" ADD COLUMN "entity_digest" text;--> statement-breakpoint
ALTER TABLE "evidence" ADD COLUMN "found_by" text;--> statement-breakpoint
ALTER TABLE "incident_keys" ADD COLUMN "first_at" timestamp with time zone;--> statement-breakpoint
UPDATE "incident_keys" SET "first_at" = "at";--> statement-breakpoint
ALTER TABLE "incident_keys" ALTER COLUMN "first_at" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "incident_keys" DROP CONSTRAINT "incident_keys_digest_incident_id_pk";--> statement-breakpoint
ALTER TABLE "incident_keys" ADD CONSTRAINT "incident_keys_digest_incident_id_first_at_pk" PRIMARY KEY("digest","incident_id","first_at");--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "headline" jsonb;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "classification" text;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "determination" text;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "acked_by" text;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "acked_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "apart" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "quiet" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "storm_id" integer;--> statement-breakpoint
ALTER TABLE "investigations" ADD COLUMN "advice" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "investigations" ADD COLUMN "pending_ms" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "investigations" ADD COLUMN "waiting_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "investigations" ADD COLUMN "waiting_ms" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "investigations" ADD COLUMN "began_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "join_keys" ADD COLUMN "incidents" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "join_keys" ADD COLUMN "counted_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "join_keys" ADD COLUMN "retired_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "observations" ADD COLUMN "raw_sha256" text;--> statement-breakpoint
ALTER TABLE "observations" ADD COLUMN "connector_version" text;--> statement-breakpoint
ALTER TABLE "observations" ADD COLUMN "decisive" text;--> statement-breakpoint
ALTER TABLE "observations" ADD COLUMN "asked_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "observations" ADD COLUMN "took_ms" integer;--> statement-breakpoint
CREATE INDEX "snoozes_until" ON "snoozes" USING btree ("until");--> statement-breakpoint
CREATE INDEX "storms_alike" ON "storms" USING btree ("alike","last_at");--> statement-breakpoint
CREATE INDEX "actions_timed" ON "actions" USING btree ("state") WHERE undo_after_ms is not null;--> statement-breakpoint
CREATE INDEX "alerts_storm" ON "alerts" USING btree ("storm_id","id") WHERE storm_id is not null;--> statement-breakpoint
CREATE INDEX "alerts_alike" ON "alerts" USING btree ("alike","received_at");--> statement-breakpoint
CREATE INDEX "evidence_entity" ON "evidence" USING btree ("entity_digest","created_at");--> statement-breakpoint
UPDATE "incidents" SET "headline" = jsonb_build_object('title', "title", 'severity', "severity", 'at', to_char("opened_at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));--> statement-breakpoint
UPDATE "evidence" SET "entity_digest" = "digest" WHERE "entity"->>'kind' <> 'file' OR "entity"->>'device' IS NULL;

CREATE TABLE "calls" (
	"id" serial PRIMARY KEY NOT NULL,
	"incident_id" integer NOT NULL,
	"action_id" integer,
	"cause" text NOT NULL,
	"text" text NOT NULL,
	"by" text NOT NULL,
	"opened_at" timestamp with time zone NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"away" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"pushed_at" timestamp with time zone,
	"next_at" timestamp with time zone,
	"acked_by" text,
	"acked_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"ended_because" text
);
--> statement-breakpoint
CREATE TABLE "incident_figures" (
	"incident_id" integer PRIMARY KEY NOT NULL,
	"acked_at" timestamp with time zone,
	"accused_at" timestamp with time zone,
	"judged_at" timestamp with time zone,
	"proposed_at" timestamp with time zone,
	"asked_at" timestamp with time zone,
	"decided_at" timestamp with time zone,
	"decided_by" text,
	"approver" text,
	"family" text,
	"contained_at" timestamp with time zone,
	"playbook" text
);
--> statement-breakpoint
CREATE TABLE "incident_snoozes" (
	"id" serial PRIMARY KEY NOT NULL,
	"incident_id" integer NOT NULL,
	"kind" text NOT NULL,
	"owner" text NOT NULL,
	"by" text NOT NULL,
	"reason" text NOT NULL,
	"seen" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"until" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"ended_why" text
);
--> statement-breakpoint
CREATE TABLE "owners" (
	"incident_id" integer PRIMARY KEY NOT NULL,
	"key" text,
	"name" text NOT NULL,
	"how" text NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"reminded_at" timestamp with time zone,
	"returned_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "ticks" (
	"schedule" text NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	"ran_at" timestamp with time zone NOT NULL,
	"skipped" integer DEFAULT 0 NOT NULL,
	"why" text,
	CONSTRAINT "ticks_schedule_due_at_pk" PRIMARY KEY("schedule","due_at")
);
--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "raw_removed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "raw_sha256" text;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "person" text;--> statement-breakpoint
ALTER TABLE "observations" ADD COLUMN "raw_removed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "call_id" integer;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "stage" integer;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "held_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "pages" ADD COLUMN "held_why" text;--> statement-breakpoint
CREATE UNIQUE INDEX "calls_open" ON "calls" USING btree ("incident_id",coalesce(action_id, 0),"cause") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "calls_next" ON "calls" USING btree ("next_at") WHERE next_at is not null;--> statement-breakpoint
CREATE INDEX "calls_incident" ON "calls" USING btree ("incident_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "incident_snoozes_open" ON "incident_snoozes" USING btree ("incident_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "incident_snoozes_incident" ON "incident_snoozes" USING btree ("incident_id","id");--> statement-breakpoint
CREATE INDEX "actions_settled" ON "actions" USING btree (coalesce(decided_at, ended_at));--> statement-breakpoint
CREATE INDEX "alerts_raw" ON "alerts" USING btree ("received_at") WHERE raw is not null;--> statement-breakpoint
CREATE INDEX "alerts_received" ON "alerts" USING brin ("received_at");--> statement-breakpoint
CREATE INDEX "incidents_closed" ON "incidents" USING btree ("closed_at") WHERE status = 'closed';--> statement-breakpoint
CREATE INDEX "observations_raw" ON "observations" USING btree ("created_at") WHERE raw is not null and raw_removed_at is null;--> statement-breakpoint
CREATE INDEX "pages_target" ON "pages" USING btree ("target","sent_at");--> statement-breakpoint
CREATE INDEX "pages_created" ON "pages" USING btree ("created_at");
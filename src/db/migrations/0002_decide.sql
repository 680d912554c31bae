CREATE TABLE "pages" (
	"id" serial PRIMARY KEY NOT NULL,
	"incident_id" integer NOT NULL,
	"action_id" integer,
	"step" text NOT NULL,
	"target" text NOT NULL,
	"text" text NOT NULL,
	"by" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"sent_at" timestamp with time zone,
	"dropped_at" timestamp with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"trouble" text,
	"try_at" timestamp with time zone,
	"told_by" integer,
	CONSTRAINT "pages_once" UNIQUE NULLS NOT DISTINCT("incident_id","action_id","step","target","due_at")
);
--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "bound_to" text;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "device_group" text;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "playbook" text;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "families" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "rejected_before" integer;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "break_glass" jsonb;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "not_before" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "cancel" jsonb;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "redraw_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "actions" ADD COLUMN "looked_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "approvals" ADD COLUMN "also" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "channels" ADD COLUMN "trouble_kind" text;--> statement-breakpoint
ALTER TABLE "channels" ADD COLUMN "troubled_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "instead_of" text;--> statement-breakpoint
CREATE INDEX "pages_due" ON "pages" USING btree ("due_at") WHERE sent_at is null and dropped_at is null;--> statement-breakpoint
CREATE INDEX "pages_incident" ON "pages" USING btree ("incident_id","id");--> statement-breakpoint
CREATE INDEX "actions_target" ON "actions" USING btree ("target_digest");--> statement-breakpoint
CREATE INDEX "actions_redraw" ON "actions" USING btree ("redraw_at") WHERE redraw_at is not null;--> statement-breakpoint
CREATE INDEX "actions_break_glass" ON "actions" USING btree ("id") WHERE break_glass is not null;--> statement-breakpoint
CREATE INDEX "incidents_opened" ON "incidents" USING btree ("opened_at");--> statement-breakpoint
CREATE INDEX "messages_instead" ON "messages" USING btree ("instead_of") WHERE instead_of is not null;
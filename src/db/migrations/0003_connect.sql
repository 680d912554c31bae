CREATE TABLE "conversations" (
	"platform" text NOT NULL,
	"id" text NOT NULL,
	"kind" text NOT NULL,
	"tenant" text NOT NULL,
	"service_url" text NOT NULL,
	"bot" text NOT NULL,
	"team" text,
	"name" text,
	"seen_at" timestamp with time zone NOT NULL,
	"removed_at" timestamp with time zone,
	CONSTRAINT "conversations_platform_id_pk" PRIMARY KEY("platform","id")
);
--> statement-breakpoint
CREATE TABLE "duty_swaps" (
	"id" serial PRIMARY KEY NOT NULL,
	"person" text NOT NULL,
	"instead" text NOT NULL,
	"from_at" timestamp with time zone NOT NULL,
	"until" timestamp with time zone NOT NULL,
	"by" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"ended_by" text
);
--> statement-breakpoint
CREATE TABLE "lookups" (
	"digest" text PRIMARY KEY NOT NULL,
	"source" text NOT NULL,
	"answer" jsonb,
	"asked_at" timestamp with time zone,
	"good_until" timestamp with time zone,
	"claimed_until" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "quotas" (
	"name" text PRIMARY KEY NOT NULL,
	"day" integer NOT NULL,
	"used" bigint NOT NULL,
	"recent" bigint[] NOT NULL,
	"held_until" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "taken_requests" (
	"key" text PRIMARY KEY NOT NULL,
	"until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vendor_incidents" (
	"source" text NOT NULL,
	"vendor_id" text NOT NULL,
	"title" text,
	"url" text,
	"status" text NOT NULL,
	"assignee" text,
	"classification" text,
	"determination" text,
	"redirect_to" text,
	"changed" text,
	"closing" boolean DEFAULT false NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "vendor_incidents_source_vendor_id_pk" PRIMARY KEY("source","vendor_id")
);
--> statement-breakpoint
CREATE TABLE "write_backs" (
	"source" text NOT NULL,
	"kind" text NOT NULL,
	"vendor_id" text NOT NULL,
	"incident_id" integer NOT NULL,
	"classification" text,
	"determination" text,
	"comment" text NOT NULL,
	"state" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"try_at" timestamp with time zone NOT NULL,
	"trouble" text,
	"created_at" timestamp with time zone NOT NULL,
	"done_at" timestamp with time zone,
	CONSTRAINT "write_backs_source_kind_vendor_id_pk" PRIMARY KEY("source","kind","vendor_id")
);
--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "handling" jsonb;--> statement-breakpoint
ALTER TABLE "alerts" ADD COLUMN "preexisting" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "incidents" ADD COLUMN "preexisting" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "duty_swaps_until" ON "duty_swaps" USING btree ("until");--> statement-breakpoint
CREATE INDEX "lookups_good_until" ON "lookups" USING btree ("good_until");--> statement-breakpoint
CREATE INDEX "taken_requests_until" ON "taken_requests" USING btree ("until");--> statement-breakpoint
CREATE INDEX "vendor_incidents_closing" ON "vendor_incidents" USING btree ("source") WHERE closing;--> statement-breakpoint
CREATE INDEX "write_backs_waiting" ON "write_backs" USING btree ("try_at") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "write_backs_incident" ON "write_backs" USING btree ("incident_id");--> statement-breakpoint
CREATE INDEX "alerts_vendor_incident" ON "alerts" USING btree ("vendor_incident","source") WHERE vendor_incident is not null;--> statement-breakpoint
CREATE INDEX "incidents_urgent" ON "incidents" USING btree ("status","severity","id");--> statement-breakpoint
CREATE INDEX "messages_ref" ON "messages" USING btree ("channel",("ref"->>'id'));
# TypeScript is run as it is: there is no build step.
FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3978 AIR_DATA_DIR=/data
COPY package.json package-lock.json .npmrc ./
# What pictures of investigations are written with.
RUN apt-get update && apt-get install -y --no-install-recommends fonts-dejavu-core && rm -rf /var/lib/apt/lists/*
# The bundled Node is for machines that have an old one; this image has Node 24. Not npm ci: it refuses a lock file without the
# development tools' binaries of every platform. Versions still come from the lock.
RUN npm install --no-save --omit=dev && rm -rf node_modules/node-linux-* && npm cache clean --force
COPY bin bin
COPY src src
COPY playbooks playbooks
COPY manifests manifests
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3978
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself is the process, so that SIGTERM reaches it.
CMD ["node", "--max-semi-space-size=16", "src/bot/cli.ts", "start"]

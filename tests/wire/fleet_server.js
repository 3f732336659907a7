// One of several servers of an upstream: says who it is, and misbehaves as its path or its control asks.
//   node fleet_server.js PORT NAME
// GET /control?mode=good|500|slow|reset|refuse  GET /stats -> JSON: requests, connections, most of both at once
"use strict";
const http = require("http");
const [, , port, name] = process.argv;
let mode = "good";
const stats = {name, requests: 0, posts: 0, now: 0, most: 0, connections: 0, connectionsNow: 0, connectionsMost: 0};

const server = http.createServer((request, response) => {
  const url = new URL(request.url, "http://x");
  if (url.pathname === "/control") {
    mode = url.searchParams.get("mode") || mode;
    return response.end(mode);
  }
  if (url.pathname === "/stats") return response.end(JSON.stringify(stats));
  stats.requests++;
  if (request.method === "POST") stats.posts++;
  stats.now++;
  stats.most = Math.max(stats.most, stats.now);
  response.on("close", () => stats.now--);
  response.setHeader("X-Server", name);
  response.setHeader("X-Host", request.headers.host || "");
  if (mode === "reset") return request.socket.resetAndDestroy();
  const status = mode === "500" ? 500 : 200;
  const wait = mode === "slow" ? 60000 : Number(url.searchParams.get("ms") || 0);
  const answer = () => {
    response.statusCode = status;
    response.end(name);
  };
  request.resume();
  if (wait) setTimeout(answer, wait).unref();
  else answer();
});
server.keepAliveTimeout = 60000;
server.on("connection", (socket) => {
  stats.connections++;
  stats.connectionsNow++;
  stats.connectionsMost = Math.max(stats.connectionsMost, stats.connectionsNow);
  socket.on("close", () => stats.connectionsNow--);
});
server.listen(Number(port), "127.0.0.1", 1024, () => console.log("ready"));

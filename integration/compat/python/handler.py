"""Usage: handler.py NAME. See ../README.md for what it reads and prints."""
import datetime
import json
import os
import sys

HOST, PORT, USER, PASSWORD, DB = (os.environ["DSM_" + n] for n in ("HOST", "PORT", "USER", "PASSWORD", "DB"))


class Django:
    """django.contrib.sessions.backends.db over mysqlclient."""

    def __init__(self, **more):
        import django
        from django.conf import settings
        settings.configure(
            DATABASES={"default": {
                "ENGINE": "django.db.backends.mysql", "HOST": HOST, "PORT": PORT, "USER": USER, "PASSWORD": PASSWORD, "NAME": DB,
                "CONN_MAX_AGE": 0,
            }},
            INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.sessions"],
            SECRET_KEY="of the test", SESSION_SERIALIZER="django.contrib.sessions.serializers.JSONSerializer",
            USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField", **more)
        django.setup()

    def session(self, key=None):
        from django.contrib.sessions.backends.db import SessionStore
        return SessionStore(session_key=key)

    def finish(self):
        """What Django does after each request."""
        from django.db import close_old_connections
        close_old_connections()

    def setup(self):
        from django.contrib.sessions.models import Session
        from django.db import connection
        with connection.schema_editor() as editor:
            editor.create_model(Session)

    def create(self, _, data):
        s = self.session()
        s["data"] = data
        s.save()
        return s.session_key

    def read(self, key):
        return self.session(key).get("data")

    def write(self, key, data):
        s = self.session(key)
        s["data"] = data
        s.save()

    def regenerate(self, key, _):
        s = self.session(key)
        s.get("data")
        s.cycle_key()
        s.save()
        return s.session_key

    def expire(self, key):
        from django.contrib.sessions.models import Session
        from django.utils import timezone
        Session.objects.filter(pk=key).update(expire_date=timezone.now() - datetime.timedelta(days=1))

    def gc(self):
        from django.core.management import call_command
        call_command("clearsessions")

    def count(self):
        from django.contrib.sessions.models import Session
        return Session.objects.count()

    def destroy(self, key):
        self.session(key).flush()


class DjangoAtomic(Django):
    """The same with ATOMIC_REQUESTS: a request is one transaction."""

    def request(self, method, *args):
        from django.db import transaction
        with transaction.atomic():
            return method(*args)


class DjangoCached(Django):
    """django.contrib.sessions.backends.cached_db: a cache before the database."""

    def __init__(self):
        super().__init__(CACHES={"default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": os.environ["DSM_DIR"],
        }})

    def session(self, key=None):
        from django.contrib.sessions.backends.cached_db import SessionStore
        return SessionStore(session_key=key)

    def expire(self, key):
        from django.core.cache import cache
        super().expire(key)
        cache.clear()


class Flask:
    """Flask-Session's interface "sqlalchemy" over Flask-SQLAlchemy, over PyMySQL."""

    def __init__(self):
        import flask
        import flask_session
        from flask_sqlalchemy import SQLAlchemy
        self.app = flask.Flask("compat")
        self.app.config.update(
            SQLALCHEMY_DATABASE_URI=f"mysql+pymysql://{USER}:{PASSWORD}@{HOST}:{PORT}/{DB}?charset=utf8mb4", SESSION_TYPE="sqlalchemy")
        self.app.config["SESSION_SQLALCHEMY"] = self.db = SQLAlchemy(self.app)
        flask_session.Session(self.app)

        @self.app.route("/", methods=["POST"])
        def view():
            return {"data": self.view(flask.session)}

    def ask(self, key, view):
        """One request with the session's cookie."""
        self.view = view
        client = self.app.test_client(use_cookies=False)
        answer = client.post("/", headers={"Cookie": f"session={key}"} if key else {})
        if answer.status_code != 200:
            raise RuntimeError(answer.get_data(as_text=True))
        return answer.json["data"]

    def setup(self):
        self.app.config["PROPAGATE_EXCEPTIONS"] = True
        with self.app.app_context():
            self.db.create_all()

    def create(self, key, data):
        self.write(key, data)
        return key

    def read(self, key):
        return self.ask(key, lambda s: s.get("data"))

    def write(self, key, data):
        self.ask(key, lambda s: s.update(data=data))

    def regenerate(self, key, to):
        data = self.read(key)
        self.write(to, data)
        self.destroy(key)
        return to

    def destroy(self, key):
        self.ask(key, lambda s: s.clear())


class WebPy:
    """web.py's DBStore over PyMySQL."""

    def __init__(self):
        import web
        web.config.debug = False
        self.db = web.database(dbn="mysql", host=HOST, port=int(PORT), user=USER, pw=PASSWORD, db=DB)
        self.store = web.session.DBStore(self.db, "sessions")

    def setup(self):
        self.db.query("CREATE TABLE sessions (session_id CHAR(128) UNIQUE NOT NULL,"
                      " atime DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, data TEXT)")

    def create(self, key, data):
        self.write(key, data)
        return key

    def read(self, key):
        return self.store[key]["data"] if key in self.store else None

    def write(self, key, data):
        self.store[key] = {"data": data}

    def regenerate(self, key, to):
        self.store[to] = self.store[key]
        del self.store[key]
        return to

    def expire(self, key):
        self.db.update("sessions", where="session_id = $key", atime=datetime.datetime.now() - datetime.timedelta(days=2), vars={"key": key})

    def gc(self):
        self.store.cleanup(86400)

    def count(self):
        return self.db.query("SELECT COUNT(*) AS n FROM sessions")[0].n

    def destroy(self, key):
        del self.store[key]


class Beaker:
    """beaker.session over its ext:database, which is SQLAlchemy, over mysqlclient."""

    url = f"mysql+mysqldb://{USER}:{PASSWORD}@{HOST}:{PORT}/{DB}?charset=utf8mb4"

    def __init__(self):
        import tempfile
        self.locks = tempfile.mkdtemp(dir=os.environ["DSM_DIR"])

    def session(self, key):
        from beaker.session import Session
        return Session({}, id=key, use_cookies=False, type="ext:database", url=self.url, lock_dir=self.locks,
                       sa_opts={"sa.url": self.url, "sa.pool_recycle": "3600"}, timeout=3600)

    def setup(self):
        self.session("0" * 32)  # makes the table

    def create(self, key, data):
        self.write(key, data)
        return key

    def read(self, key):
        return self.session(key).get("data")

    def write(self, key, data):
        s = self.session(key)
        s["data"] = data
        s.save()

    def regenerate(self, key, to):
        old = self.session(key)
        data = old["data"]
        new = self.session(to)
        new["data"] = data
        new.save()
        self.destroy(key)
        return to

    def destroy(self, key):
        s = self.session(key)
        s.delete()  # empties it
        s.save()
        s.namespace.remove()  # drops the record, as no more than this does


def main():
    handler = {
        "django": Django, "django-atomic": DjangoAtomic, "django-cached": DjangoCached, "beaker": Beaker, "flask": Flask, "webpy": WebPy,
    }[sys.argv[1]]()
    request = getattr(handler, "request", lambda method, *args: method(*args))

    def incr(key):
        data = handler.read(key)
        if data is None:
            raise LookupError("the session is gone")
        data["n"] += 1
        handler.write(key, data)
        return data

    for line in sys.stdin:
        q = json.loads(line)
        op, key = q["op"], q.get("id")
        answer = {"id": key}
        try:
            if op == "create":
                answer["id"] = request(handler.create, key, q["data"])
            elif op == "read":
                answer["data"] = request(handler.read, key)
            elif op == "write":
                request(handler.write, key, q["data"])
            elif op == "incr":
                answer["data"] = request(incr, key)
            elif op == "regenerate":
                answer["id"] = request(handler.regenerate, key, q["to"])
            elif op == "count":
                answer["n"] = request(handler.count)
            elif op in ("setup", "gc"):
                getattr(handler, op)()
            else:
                request(getattr(handler, op), key)
        except Exception as e:
            answer["error"] = f"{type(e).__name__}: {e}"
        getattr(handler, "finish", lambda: None)()
        print(json.dumps(answer), flush=True)


main()
